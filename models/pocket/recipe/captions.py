"""Captions from a grammar: synonyms, free order, things left unsaid, and now and then a word that means nothing."""

import numpy as np

from world import Scene, Thing

NOUNS = {
    "ball": ("ball", "ball", "sphere"),
    "star": ("star",),
    "heart": ("heart",),
    "tree": ("tree",),
    "house": ("house", "house", "cottage", "hut"),
    "flower": ("flower", "flower", "blossom"),
    "cat": ("cat", "cat", "kitten"),
    "car": ("car", "car", "automobile"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "boat": ("boat", "boat", "sailboat", "ship"),
    "fish": ("fish",),
    "balloon": ("balloon", "hot air balloon"),
}
ADJECTIVES = {"purple": ("purple", "purple", "violet"), "red": ("red", "red", "crimson"), "yellow": ("yellow", "yellow", "golden")}
# What a thing looks like when its colour is not said.
USUAL = {
    "ball": "red", "star": "yellow", "heart": "red", "tree": "green", "house": "red", "flower": "pink",
    "cat": "orange", "car": "red", "mushroom": "red", "boat": "white", "fish": "orange", "balloon": "red",
}  # fmt: skip
GROUND_PHRASES = {
    "meadow": ("in a meadow", "on the grass", "on a green field", "in the grass"),
    "sea": ("on the sea", "on the water", "in the ocean", "at sea"),
    "desert": ("in the desert", "on the sand", "in a desert"),
    "snow": ("in the snow", "on snow", "in winter"),
    "mountains": ("in the mountains", "in front of mountains", "near the mountains"),
}
GROUND_TAGS = {"meadow": ("meadow", "grass"), "sea": ("sea", "ocean"), "desert": ("desert", "sand"), "snow": ("snow", "winter"), "mountains": ("mountains",)}
TIME_PHRASES = {
    "day": ("by day", "on a sunny day", "in daylight", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "by night", "in the dark", "under the stars"),
}
TIME_TAGS = {"day": ("day", "daylight"), "sunset": ("sunset", "dusk", "evening"), "night": ("night",)}
PLACE_PHRASES = {"left": ("on the left", "to the left"), "right": ("on the right", "to the right"), "middle": ("in the middle", "in the centre")}
PREFIXES = ("", "", "", "", "a picture of ", "a painting of ", "an illustration of ", "a drawing of ")
SUFFIXES = ("", "", "", "", "", ", illustration", ", 4k", ", highly detailed", ", flat colours")
JOINS = (
    "{a} and {b}", "{a} and {b}", "{a} next to {b}", "{a} beside {b}", "{a} to the left of {b}", "{a} left of {b}",
    "{b} to the right of {a}", "{b} right of {a}", "{a} on the left and {b} on the right", "{b} on the right and {a} on the left",
)  # fmt: skip


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """A caption by lot; every one is true of the scene."""
    if rng.random() < 0.15:
        text = _tags(scene, rng)
    else:
        text = _sentence(scene, rng)
    if rng.random() < 0.03:
        words = text.split(" ")
        words.insert(int(rng.integers(len(words) + 1)), _nonsense(rng))
        text = " ".join(words)
    return text


def plain_caption(scene: Scene) -> str:
    """The caption that says everything in the plainest words: for evaluation."""
    names = [f"a {thing.colour} {thing.kind}".replace("a orange", "an orange") for thing in scene.things]
    place = f" {PLACE_PHRASES[scene.place][0]}" if scene.place in PLACE_PHRASES else ""
    return f"{' and '.join(names)}{place} {GROUND_PHRASES[scene.ground][0]} {TIME_PHRASES[scene.time][0]}"


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _sentence(scene: Scene, rng: np.random.Generator) -> str:
    ground = _pick(rng, GROUND_PHRASES[scene.ground]) if rng.random() < 0.9 else ""
    time = _pick(rng, TIME_PHRASES[scene.time]) if rng.random() < 0.85 else ""
    setting = [ground, time] if rng.random() < 0.7 else [time, ground]
    if scene.has_extra and rng.random() < 0.7:
        setting.append(_extra(scene, rng))
    setting_text = " ".join(part for part in setting if part)
    subject = _subject(scene, rng)
    if rng.random() < 0.2 and setting_text:
        return f"{setting_text}, {subject}"
    text = _pick(rng, PREFIXES) + f"{subject} {setting_text}".strip()
    return text + _pick(rng, SUFFIXES)


def _tags(scene: Scene, rng: np.random.Generator) -> str:
    tags = [_named(thing, rng, article=False) for thing in scene.things]
    if scene.place in PLACE_PHRASES and rng.random() < 0.4:
        tags.append(_pick(rng, PLACE_PHRASES[scene.place]))
    rest = [_pick(rng, GROUND_TAGS[scene.ground]), _pick(rng, TIME_TAGS[scene.time])]
    rng.shuffle(rest)
    return ", ".join(tags + rest)


def _subject(scene: Scene, rng: np.random.Generator) -> str:
    names = [_named(thing, rng, article=True) for thing in scene.things]
    if len(names) == 2:
        return _pick(rng, JOINS).format(a=names[0], b=names[1])
    return f"{names[0]} {_pick(rng, PLACE_PHRASES[scene.place])}" if rng.random() < 0.5 else names[0]


def _named(thing: Thing, rng: np.random.Generator, article: bool) -> str:
    noun = _pick(rng, NOUNS[thing.kind])
    words = [] if USUAL[thing.kind] == thing.colour and rng.random() < 0.4 else [_pick(rng, ADJECTIVES.get(thing.colour, (thing.colour,)))]
    if rng.random() < 0.4:
        words = _size(thing, rng) + words
    text = " ".join([*words, noun])
    if not article:
        return text
    return ("an " if text[0] in "aeiou" else "a ") + text


def _size(thing: Thing, rng: np.random.Generator) -> list[str]:
    if thing.radius > 0.3:
        return [_pick(rng, ("big", "large", "huge"))]
    return [_pick(rng, ("small", "little"))] if 0.205 < thing.radius < 0.235 else []


def _extra(scene: Scene, rng: np.random.Generator) -> str:
    body = "moon" if scene.time == "night" else "sun"
    return _pick(rng, (f"with the {body}", f"with a {body}", f"under the {body}"))


def _nonsense(rng: np.random.Generator) -> str:
    letters = rng.choice(list("abcdefghijklmnopqrstuvwxyz"), int(rng.integers(3, 9)))
    return "".join(letters)
