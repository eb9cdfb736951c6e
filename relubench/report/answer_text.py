"""What the answer says: the question in plain words, the findings, and each sentence that was judged."""

from __future__ import annotations

from relubench.report.headlines import Headline, Marks, Number, Rests

INTRO = """\
A **ReLU unit** adds up its weighted inputs and a bias, and outputs the sum if it is positive, else 0. With two inputs
the points of sum 0 form a line: on one side the unit is active, on the other silent. Training moves the line in steps
whose length the **learning rate** sets; only points on the active side pull at it.

Sometimes a step is so long that the line jumps past all points. The unit then outputs 0 for each of them, none gives it
a gradient, and plain gradient descent leaves it where it is: a **dead unit**, silent on every training example. In the
first layer, whose inputs are the data, it stays dead. The inputs of later layers change as earlier ones learn, and
their units may come back.
"""
MOVING = "units' lines among the training points: some are pushed out, and die"
DEADLY = "a unit's line and sums before and after the step that kills it"

_SGD, _ADAM = "digits, 64×3, SGD", "digits, 64×3, Adam"
_FASHION_ADAM = "Fashion-MNIST, 128×3, Adam"
_MOONS, _MOONS_ADAM = "moons, 16-16, SGD", "moons, 16-16, Adam"
_ONE_STEP = "One step at a large rate kills units"
_FOR_GOOD = "A unit that a large step has killed is dead at the end of training"
_PROPER = "At a proper learning rate dead units are less frequent"
_ANY = "As much as 40 % of a network can be dead where the learning rate is too high"
_KEPT = "As much as 40 % of a network can be dead while it works as well as at the best rate"
_IS_KEPT = "And at that rate it does work as well"
_BIAS = "A dead unit has probably learnt a large negative bias"
_POSITIVE = "A small positive initial bias prevents dying"
_DECAY = "Regularising the bias prevents dying"
_WITHOUT = "Getting rid of the bias prevents dying"
_UNDERFITS = "Without biases a network underfits"
_NEW_LAYER_1 = "New data in further training revive dead units of layer 1"
_SLOPE_ACCURACY = "A slope of 0.1 is better than 0.01: more accurate"
_SLOPE_SILENT = "A slope of 0.1 is better than 0.01: fewer silent units"
_FEWER = "And it leaves fewer units silent"
_ELU = "ELU is better than leaky ReLU: more accurate"
_AT_END = "A dead unit is unlikely to recover: to be alive at the end"

#: The terms that the findings use.
TERMS = """\
64×3 has three hidden layers of 64 units; moons are the points in the pictures. *Proper* is the learning rate of the
best accuracy, *high* one that leaves 3 in 10 ReLU units dead, or (SGD on images) the highest without divergence, both
found on other runs. Brackets are 95 % intervals over networks.
"""

HEADLINES = (
    Headline(
        question="When do units die?",
        sentence="Mostly when the learning rate is too high: one step can be enough.",
        body="On digits one step of SGD at rate 1, three times a proper one, kills {one:people} units ({one:percent}), "
        "at rate 3 {three:percent}; of these {end:percent} are dead after 1,000 proper steps. "
        "Training at a proper rate leaves {proper:people} dead ({proper:percent}), with Adam {adam:percent}.",
        rests=(Rests(1, _ONE_STEP, ("holds", "mostly")), Rests(3, _PROPER, ("holds", "mostly"))),
        numbers={
            "one": Number(1, _ONE_STEP, _SGD, "rate 1"),
            "three": Number(1, _ONE_STEP, _SGD, "rate 3"),
            "end": Number(1, _FOR_GOOD, _SGD, "first step 3"),
            "proper": Number(3, _PROPER, _SGD),
            "adam": Number(3, _PROPER, _ADAM),
        },
        marks=tuple(Marks(f"rate {rate}", 1, _ONE_STEP, f"rate {rate}") for rate in (1, 3, 10)),
        x_label="units that one step kills, %",
    ),
    Headline(
        question="How many, and at what accuracy?",
        sentence="With Adam {any:people} can die, on digits {kept:people} while the network still works.",
        body="On digits with Adam {any:percent} are dead at the deadliest rate, {kept:percent} at the deadliest that "
        "on other runs cost at most two points of accuracy; with SGD {any_sgd:percent} and {kept_sgd:percent}. On "
        "moons, where a few units suffice, {most:percent} are dead with Adam while accuracy changes by {cost:points}.",
        rests=(Rests(2, _ANY, ("holds", "mostly", "depends")), Rests(2, _KEPT, ("depends", "does not hold"))),
        numbers={
            "any": Number(2, _ANY, _ADAM),
            "kept": Number(2, _KEPT, _ADAM),
            "any_sgd": Number(2, _ANY, _SGD),
            "kept_sgd": Number(2, _KEPT, _SGD),
            "most": Number(2, _KEPT, _MOONS_ADAM),
            "cost": Number(2, _IS_KEPT, _MOONS_ADAM),
        },
        marks=(Marks("whatever the accuracy", 2, _ANY), Marks("accuracy kept on other runs", 2, _KEPT)),
        x_label="units dead at the deadliest learning rate, %",
    ),
    Headline(
        question="Which change kills, that of the weights or that of the bias?",
        sentence="On images, that of the weights.",
        body="Put back the biases of the units that died on digits, and {weights:people} stay dead ({weights:percent}; "
        "Adam: {weights_adam:percent}). Put back their weights instead, and few do ({bias:percent}; "
        "{bias_adam:percent}). On moons, with two inputs, it is {weights_moons:percent} and {bias_moons:percent}, and "
        "often it takes both.",
        rests=(
            Rests(9, _BIAS, ("does not hold",)),
            Rests(29, "It is the bias that becomes very negative, more than the weights", ("does not hold",)),
        ),
        numbers={
            "weights": Number(9, _BIAS, _SGD, "weights"),
            "weights_adam": Number(9, _BIAS, _ADAM, "weights"),
            "weights_moons": Number(9, _BIAS, _MOONS, "weights"),
            "bias": Number(9, _BIAS, _SGD),
            "bias_adam": Number(9, _BIAS, _ADAM),
            "bias_moons": Number(9, _BIAS, _MOONS),
        },
        marks=(
            Marks("the weights suffice", 9, _BIAS, "weights"),
            Marks("the bias suffices", 9, _BIAS),
            Marks("neither alone", 9, _BIAS, "neither alone"),
        ),
        x_label="units that died at the high rate, %",
    ),
    Headline(
        question="Do they come back?",
        sentence="In the first layer hardly any do, in later layers some.",
        body="Of the second layer's units found dead on digits {second:people} are active at the end with SGD "
        "({second:percent}), with Adam {second_adam:percent}: the first layer changes what they see. Its own inputs "
        "stay the same: none of its units comes back under plain SGD, with Adam {first:percent} on Fashion-MNIST. "
        "Inputs moved by a standard deviation wake another {new:percent} of them on digits.",
        rests=(
            Rests(10, _AT_END, ("does not hold",)),
            Rests(10, "A dead unit of the first layer never comes back under plain SGD", ("holds",)),
            Rests(32, "Units leave death due to updates earlier in the network", ("holds", "mostly")),
            Rests(36, _NEW_LAYER_1, ("holds", "mostly")),
        ),
        numbers={
            "second": Number(10, _AT_END, _SGD, "layer 2"),
            "second_adam": Number(10, _AT_END, _ADAM, "layer 2"),
            "first": Number(10, _AT_END, _FASHION_ADAM, "layer 1"),
            "new": Number(36, _NEW_LAYER_1, _SGD, "inputs + 1"),
        },
        marks=tuple(Marks(f"layer {layer}", 10, _AT_END, f"layer {layer}") for layer in (1, 2, 3)),
        x_label="active again at the end, % of those found dead",
    ),
    Headline(
        question="What helps, and at what price?",
        sentence="A lower learning rate, and clipping; changing the biases hardly helps.",
        body="With clipping, a 100-fold gradient kills {clip:percent} of the units that it kills without. Of those "
        "dead on digits with Adam, initial biases of 0.1 leave {positive:percent}, bias decay {decay:percent}, no "
        "biases {none:percent}; on moons leaving them out makes the training loss {loss:power} as large. A leaky slope "
        "of 0.01 changes the share of silent units by {leaky:points} on digits, by {leaky_fashion:points} on "
        "Fashion-MNIST.",
        rests=(
            Rests(3, _PROPER, ("holds", "mostly")),
            Rests(38, "Clipping the gradient prevents that", ("holds", "mostly")),
            Rests(16, _POSITIVE, ("does not hold",)),
            Rests(6, _DECAY, ("does not hold",)),
            Rests(14, _WITHOUT, ("does not hold",)),
            Rests(15, _UNDERFITS, ("holds", "mostly", "depends")),
        ),
        numbers={
            "clip": Number(38, "Clipping the gradient prevents that", _SGD),
            "positive": Number(16, _POSITIVE, _ADAM, "initial bias 0.1"),
            "decay": Number(6, _DECAY, _ADAM, "decay 0.1"),
            "none": Number(14, _WITHOUT, _ADAM),
            "loss": Number(15, _UNDERFITS, _MOONS_ADAM),
            "leaky": Number(11, _FEWER, _ADAM),
            "leaky_fashion": Number(11, _FEWER, _FASHION_ADAM),
        },
        marks=(
            Marks("initial bias 0.1", 16, _POSITIVE, "initial bias 0.1"),
            Marks("bias decay 0.1", 6, _DECAY, "decay 0.1"),
            Marks("no biases", 14, _WITHOUT),
        ),
        x_label="dead units, % of those without it",
    ),
    Headline(
        question="Does it matter?",
        sentence="Little, at a good learning rate.",
        body="On digits with Adam a rate at which {dead:percent} are dead changes accuracy by {cost:points}. A leaky "
        "slope of 0.1 instead of 0.01 changes the share of silent units by {silent_proper:points} at a proper rate, "
        "and accuracy by {accurate_proper:points}; at the high rate by {silent:points} and {accurate:points}. ELU "
        "instead of leaky ReLU changes accuracy by {elu:points} at the best rates.",
        rests=(
            Rests(24, _SLOPE_SILENT, ("holds", "mostly")),
            Rests(24, _SLOPE_ACCURACY, ("does not hold",)),
            Rests(13, _ELU, ("does not hold",)),
        ),
        numbers={
            "dead": Number(2, _KEPT, _ADAM),
            "cost": Number(2, _IS_KEPT, _ADAM),
            "silent": Number(24, _SLOPE_SILENT, _ADAM),
            "silent_proper": Number(24, _SLOPE_SILENT, _ADAM, "proper rate"),
            "accurate": Number(24, _SLOPE_ACCURACY, _ADAM, "high rate"),
            "accurate_proper": Number(24, _SLOPE_ACCURACY, _ADAM),
            "elu": Number(13, _ELU, _ADAM),
        },
        marks=(
            Marks("accuracy, proper rate", 24, _SLOPE_ACCURACY),
            Marks("silent units, proper rate", 24, _SLOPE_SILENT, "proper rate"),
            Marks("accuracy, high rate", 24, _SLOPE_ACCURACY, "high rate"),
            Marks("silent units, high rate", 24, _SLOPE_SILENT),
        ),
        x_label="slope 0.1 less slope 0.01, percentage points",
    ),
)

#: Each claim in a few words, as the question, its answers or their comments have it.
SENTENCES = {
    1: "A single step can kill a unit for good",
    2: "Too high a rate can kill 40 %",
    3: "A proper rate kills fewer units",
    4: "Dead units' planes lie outside all inputs",
    5: "Papers treat dead units",
    6: "Regularising the bias prevents dying",
    7: "Drawing weights anew prevents dying",
    8: "Dead units always output the same",
    9: "Dead units have learnt large negative biases",
    10: "Dead units hardly recover",
    11: "Leaky units can recover",
    12: "Sigmoid and tanh saturate, but recover",
    13: "ELU is better than leaky ReLU",
    14: "Without biases units do not die",
    15: "Without biases networks under- and overfit",
    16: "A small positive bias prevents dying",
    17: "A small positive bias speeds up learning",
    18: "A large error kills by the bias alone",
    19: "ReLU's gradient is 1 or 0",
    20: "A bias is a weight on input 1",
    21: "One positive sum keeps a unit alive",
    22: "Many examples keep units alive",
    23: "A step to smaller weights kills",
    24: "A leaky slope of 0.1 is better",
    25: "On the silent side weights do not move",
    26: "A negative leaky slope does as well",
    27: "Inputs of one sign and scale kill",
    28: "Normalised inputs do not prevent it",
    29: "The bias, above all, becomes very negative",
    30: "Summed losses make longer steps",
    31: "Values drift in training, and units die",
    32: "Updates of earlier layers wake units",
    33: "Some initial weights choke outputs off",
    34: "By the chain rule dead units get no gradient",
    35: "Dead units may be active at test time",
    36: "New data wake units",
    37: "Units that fire rarely need more epochs",
    38: "A large negative gradient kills",
    39: "Very negative weights are hardly offset",
    40: "Dead units do not help to discriminate",
    41: "Dead units' lines leave the data",
    42: "Targets far away or of small variance kill",
    43: "Without biases all planes meet the origin",
    44: "Dead units contribute nothing to training",
    45: "Dead units' weights are not updated",
}

#: Which part of its sentence a statement measures, where a sentence has several.
PARTS = {
    _ONE_STEP: "kills",
    "A unit that a large step has killed never activates again": "never",
    _FOR_GOOD: "finally",
    "In layer 1 death is for good under plain SGD": "layer 1",
    _ANY: "any",
    _KEPT: "kept",
    _IS_KEPT: "checked",
    _PROPER: "proper",
    "And within a factor of three of a proper rate they are, too: below it": "third",
    "And within a factor of three of a proper rate they are, too: above it": "threefold",
    "A dead unit's decision plane lies outside all data it was trained on": "training",
    "And outside other data of the same distribution": "test",
    _DECAY: "decay",
    "Equal decay of weights and bias cannot bring layer 1 back under plain SGD": "equal",
    "Decay of the bias alone brings units of layer 1 back": "revives",
    "Re-randomising with frozen layers allows higher learning rates": "rates",
    "Re-randomising with frozen layers gives a better accuracy": "accuracy",
    "Re-randomising with frozen layers gives a better fit in linear regression": "regression",
    "Re-randomising with frozen layers keeps units alive at a high rate": "alive",
    _AT_END: "finally",
    "A dead unit is unlikely to recover: to be ever active again": "ever",
    "A dead unit of the first layer never comes back under plain SGD": "layer 1",
    "Leaky ReLU gives silent units a chance to recover": "recover",
    _FEWER: "silence",
    "Sigmoid and tanh units saturate, but always have a small gradient": "gradient",
    "Saturated units recover in the long term": "recover",
    "ELU is better than leaky ReLU: fewer silent units": "silence",
    "ELU is better than leaky ReLU: no more saturated units": "saturated",
    _ELU: "accuracy",
    _UNDERFITS: "underfits",
    "Without biases a network overfits": "overfits",
    "A small positive initial bias gives a boost to initial learning": "learning",
    "A small positive bias makes the units' gradients at birth longer": "gradients",
    "The step that kills drives the unit's weights to smaller values": "weights",
    "The step that kills drives the unit's weights to where they make z smaller": "sums",
    "A unit alive at birth dies by a step, more often at a large rate": "rates",
    _SLOPE_ACCURACY: "accuracy",
    _SLOPE_SILENT: "silence",
    "For an input on the flat side the weights are not updated, not even a tiny bit": "exactly",
    "A unit whose weights start on the wrong side of the inputs stays stuck": "stays",
    "A slope below 0 on the left has a similar effect: accuracy": "accuracy",
    "A slope below 0 on the left has a similar effect: silent units": "silence",
    "A slope below 0 on the left has a similar effect: recovery": "recovery",
    "With inputs of one sign a large step makes z negative on all of them more often": "sign",
    "And so it does where inputs are on roughly the same scale": "scale",
    "Units leave death due to updates earlier in the network": "wake",
    "With all earlier layers frozen no dead unit comes back under plain SGD": "frozen",
    "Depending on the weights the outputs are choked off": "choked",
    "A network that begins with small weights does not learn": "small",
    "A unit dead in training may be nonzero at test time": "test",
    "A unit dead in training may be nonzero on inputs of another distribution": "elsewhere",
    "New data in further training revive dead units": "wake",
    _NEW_LAYER_1: "layer 1",
    "New labels alone never revive layer 1 under plain SGD": "labels",
    "Units that fire for some data alone have too little of it to move their weights": "move",
    "And they die more often": "die",
    "More epochs wake dead units": "wake",
    "A large gradient from above kills": "large",
    "Clipping the gradient prevents that": "clipped",
    "It is a negative gradient from above that kills": "negative",
    "A dead unit's own weights cannot be offset: under plain SGD those of layer 1 stay as they are": "SGD",
    "They are hardly offset under momentum and Adam either, which move them": "others",
    "A target far from the network's output kills units": "far",
    "And it kills more of them with momentum": "momentum",
    "A target of small variance kills units": "variance",
    "And a target of small variance kills more of them with momentum": "momentum",
    "So its weights are not updated: under plain SGD they keep every bit": "SGD",
    "Nor are they updated with momentum or Adam": "others",
    "With momentum or Adam what a dead unit still moves is little": "little",
}

#: Verdicts in a word.
VERDICTS = {"holds": "yes", "does not hold": "no", "not measured": "–"}
#: Who says a sentence, in short.
SOURCES = {"comment on the question": "C", "comment on answer ": "C A", "comment": "C", "answer ": "A",
           "question": "Q"}  # fmt: skip

JUDGED = """\
Each sentence (Q: question, A1: first answer, C: comment) became claims, judged in *settings*: data, network, optimiser.
*Yes*: it holds in all by the 95 % interval of its main number{corrected}; *mostly* 7/8: in two thirds or more;
*depends*: in fewer; *no*: in none; *reversed*: the opposite holds; *open*: undecided. Star: proof, exact count, picture
or literature.

Thresholds were committed before the runs (c24f93a; `one_step` and `targets`: a088b9b), whose seeds, from 1000 on, are
fresh. Some claims changed afterwards, as did older thresholds (6e511de): [which, and
why](claims.md#what-was-fixed-before-the-runs).
"""
CORRECTED = ", corrected for the number of claims"
LINKS = """\
## More

- [The claims](claims.md): every number behind each verdict
- [Published numbers beside ours](published.md)
- [Definitions](definitions.md), and [the guide](guide.md) to run any of it, also on [one's own data](own-work.md)
"""
