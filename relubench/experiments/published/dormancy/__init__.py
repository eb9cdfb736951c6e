"""Do units fall dormant where labels are reshuffled from time to time, and wake where they stay?"""
