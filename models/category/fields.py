"""What the parts of a category are made of: strict models, words in both languages, names."""

from typing import Annotated, Any, Literal, get_args
from unicodedata import category

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from regrade.models.types import CONDITIONS

INCONSISTENT = "inconsistent"
"""Error type of a fault between fields, whose message names them itself."""

Condition = Literal["unopened", "opened", "used", "damaged"]
assert get_args(Condition) == CONDITIONS


class Model(BaseModel):
    """Strict, frozen, and deaf to nothing: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


MACHINE_NAME = r"^[a-z][a-z0-9_-]*$"
Name = Annotated[str, StringConstraints(pattern=MACHINE_NAME, max_length=40)]
"""A name of the machine's: of a category, a defect, a view."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]
Probability = Annotated[float, Field(ge=0, le=1)]
MOST_MONEY = 1_000_000_000_000
"""No item is worth more in any currency; beyond, a misplaced figure, and sums that overflow."""
Amount = Annotated[float, Field(ge=0, le=MOST_MONEY)]
Worth = Annotated[float, Field(gt=0, le=MOST_MONEY)]
"""What an item is worth, in a policy's currency."""


class Words(Model):
    """A text in both languages of the product: whoever reads either must be told the same."""

    en: Line
    zh_cn: Line = Field(alias="zh-CN")

    def to(self, lang: str) -> str:
        """The text in `lang`; English for a language that there is no text in."""
        return self.zh_cn if lang == "zh-CN" else self.en


def same(text: str) -> Words:
    """`text` as it is in every language."""
    return Words.model_validate({"en": text, "zh-CN": text})


def _alike(value: object) -> object:
    return {"en": value, "zh-CN": value} if isinstance(value, str) else value


def _short(words: Words) -> Words:
    if max(len(words.en), len(words.zh_cn)) > LONGEST_TITLE:
        raise PydanticCustomError("title_too_long", "must be of at most {most} letters", {"most": LONGEST_TITLE})
    if any(category(letter).startswith("C") for letter in words.en + words.zh_cn):
        raise PydanticCustomError("title_hidden", "must be one line, without letters that cannot be seen")
    return words


LONGEST_TITLE = 64
Title = Annotated[Words, BeforeValidator(_alike), AfterValidator(_short)]
"""A short name for people; one text stands for both languages, as `A` does."""


def as_tuple(value: object) -> object:
    """A list of YAML as the tuple that a frozen model holds."""
    return tuple(value) if isinstance(value, list) else value


AsTuple = BeforeValidator(as_tuple)


def inconsistent(fault: str) -> PydanticCustomError:
    """A fault between fields; `fault` names them."""
    return PydanticCustomError(INCONSISTENT, "{fault}", {"fault": fault})


def named(value: Any) -> Any:
    """A bare name in a list stands for an entry that says no more than its name."""
    return {"name": value} if isinstance(value, str) else value
