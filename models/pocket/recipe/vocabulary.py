"""The words that captions are made of: what the model can be asked for. Whoever serves it warns of others."""

import json
import re
from pathlib import Path

import captions
from world import COLOURS

EXAMPLES = (
    "a red boat on the sea at night",
    "a purple car on the right in the mountains at sunset",
    "a pink mushroom and an orange balloon in a meadow by day",
)
PHRASES = (captions.NOUNS, captions.ADJECTIVES, captions.GROUND_PHRASES, captions.GROUND_TAGS, captions.TIME_PHRASES, captions.TIME_TAGS, captions.PLACE_PHRASES)
# Words that stand in the grammar's functions, not in its tables; "the" and plain joins are there for those who write freely.
OTHERS = "a an the and with of under sun moon big large huge small little"


def words() -> list[str]:
    """Every word of the grammar, in lower case, sorted."""
    phrases = [phrase for table in PHRASES for choices in table.values() for phrase in choices]
    joins = [join.format(a="", b="") for join in captions.JOINS]
    text = " ".join([*phrases, *joins, *captions.PREFIXES, *captions.SUFFIXES, *COLOURS, OTHERS])
    return sorted(set(re.findall(r"[a-z]+", text.lower())))


def write_vocabulary(folder: Path) -> None:
    """vocabulary.json, beside model_index.json."""
    vocabulary = {"examples": EXAMPLES, "words": words()}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary, indent=2) + "\n")
