"""Do units that died on one distribution wake on another, at test or in further training?"""

MINUTES = 6.5
