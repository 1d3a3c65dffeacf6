"""What raw crime types usually mean for a patrol plan: planning category, used or not, and why not.

The rules are read from the top; the first whose words occur in the raw text decides. English first. They only suggest:
the user's saved mapping always wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from patrol_missions.core.errors import InputError

ENFORCEMENT = (
    "Found mostly where police already look, so planning by it sends patrols back to where they have been; "
    "left out unless a reason to use it is written here."
)
"""Reason for which enforcement-driven types are off; it is ours and does not count as the user's own."""

PRIVATE = "Happens mostly in private between people who know each other, where patrol in the street deters little."
NO_PLACE = "The place on record is where it was noticed or reported, not where a patrol could have deterred it."
NOT_CRIME = "Not an offence that a patrol could deter."
MINOR = "Frequent and minor, and the default severity scale has no value for it; switch it on to plan for it."
SENSITIVE = "Mostly indoors and between people who know each other, and the record is sensitive."
RARE = (
    "Too rare to tell one cell and shift from another, and so severe that a guess would decide most missions; patrol "
    "prevents it by deterring robberies and serious assaults, which are planned for."
)
UNKNOWN = "Not recognised; map it to a category to use it."
BLANK = "The record has no crime type."
MIXED = "Mixes many kinds of offence, so nothing can be planned by it; map finer types to use them."


@dataclass(frozen=True)
class Rule:
    """One line of the table: words in the raw text, and what they mean.

    ``enforcement`` marks what police find by their own activity rather than what victims report.
    """

    words: re.Pattern[str]
    category: str
    use: bool
    reason: str = ""

    @property
    def enforcement(self) -> bool:
        """Found by police activity."""
        return self.reason == ENFORCEMENT


def _rule(words: str, category: str, reason: str | None = None) -> Rule:
    return Rule(re.compile(words), category, reason is None, reason or "")


_VEHICLE = r"(?:motor )?(?:vehicles?|veh|auto(?:mobile)?s?|cars?|mv|trucks?|motorcycles?)"

RULES: tuple[Rule, ...] = (
    _rule(
        r"\b(?:non[- ]?criminal|justifiable|justified|unfounded|suicides?|overdose|natural death|lost property"
        r"|found property"
        r"|missing persons?|runaway|(?:traffic|vehicle|motor vehicle|auto) (?:accident|collision|crash)|recovered)\b",
        "Not a crime",
        NOT_CRIME,
    ),
    _rule(
        r"\b(?:police|peace|public|law enforcement) (?:officer|officers|servant|servants)\b"
        r"|\bon (?:an? )?(?:police )?officer\b"
        r"|resist\w*|obstruct\w*|interfer\w+ with|contempt|\bescape\b|public admini\w*|fail\w* to (?:appear|comply"
        r"|register)",
        "Offence against authority",
        ENFORCEMENT,
    ),
    _rule(
        r"\bd\.?[uw]\.?i\.?\b|drunk driv|under the influence|\bintoxicated\b.*driving|impaired driving|\bowi\b|\bovi\b",
        "Drink driving",
        ENFORCEMENT,
    ),
    _rule(r"\bhuman traffick|traffick\w* (?:in|of) persons|involuntary servitude", "Human trafficking", SENSITIVE),
    _rule(
        r"narcotic|\bdrugs?\b|controlled substance|marij|cannabis|cocaine|heroin|meth\w*amine|paraphernalia|\bcds\b",
        "Drugs",
        ENFORCEMENT,
    ),
    _rule(r"prostitut|commerciali[sz]ed vice|solicit|brothel|\bvice\b|pandering|pimping", "Prostitution", ENFORCEMENT),
    _rule(r"\bhit (?:and|&) run\b|leaving the scene", "Traffic", NOT_CRIME),
    _rule(
        r"traffic|reckless driving|speeding|driving (?:while|without|with)|license suspend"
        r"|vehicle code|parking|moving violation|unlicensed driver",
        "Traffic",
        ENFORCEMENT,
    ),
    _rule(
        r"(?:receiv|possess|poss)\w*(?: of)? (?:stolen|stln)|stolen (?:property|goods)|handling stolen",
        "Receiving stolen property",
        ENFORCEMENT,
    ),
    _rule(r"gambl|bookmaking|lottery", "Gambling", ENFORCEMENT),
    _rule(r"liquor|alcohol|public drunk|drunkenness|drunk in public|intoxicat|open container", "Alcohol", ENFORCEMENT),
    _rule(r"warrant|fugitive|probation|parole|bench (?:order|warrant)", "Warrant", ENFORCEMENT),
    _rule(
        r"fraud|embezz|forg(?:ery|ed|ing)|counterfeit|identity|deceptive|decept|false pretens|swindl|bunco|scam"
        r"|confidence game"
        r"|bad che(?:ck|que)|credit card|impersonat|money launder|cyber|computer crime|theft of services?|extort"
        r"|blackmail|bribe\w*",
        "Fraud",
        NO_PLACE,
    ),
    _rule(
        r"domestic|intimate partner|spous\w*|\bfamily\b|children|child (?:abuse|neglect|endanger|annoy|steal|custody)"
        r"|custod"
        r"|elder abuse|incest|restraining order|protection order|protective order|court order|stalk\w*",
        "Family offence",
        PRIVATE,
    ),
    _rule(r"violence and sex\w*", "Violence and sexual offences", MIXED),
    _rule(
        r"\brape|sex\w*|sodomy|indecen|lewd|molest|voyeur|peeping|obscen|pornograph|fondling",
        "Sexual offence",
        SENSITIVE,
    ),
    _rule(r"negligent|vehicular|involuntary manslaughter", "Negligent killing", NOT_CRIME),
    _rule(r"homicide|murder|manslaughter|unlawful killing", "Homicide", RARE),
    _rule(r"carjack|car jack|robber|\brobb?\b|mugging|hold[- ]?up|strong[- ]?arm", "Robbery"),
    _rule(
        r"shots? fired|shooting|gunfire|gun violence|shotspotter|discharg\w+ (?:of )?(?:a )?(?:firearm|gun|weapon)"
        r"|drive[- ]?by",
        "Aggravated assault",
    ),
    _rule(
        r"agg\w*\.? (?:assault|aslt|aslt\.|battery|batt)|felony assault|assault.*\b(?:agg\w*|felony|first degree"
        r"|firearm|gun|knife"
        r"|deadly|dangerous|weapon|wdw|adw)\b|stabbing|serious assault|wounding|grievous|bodily harm|with injury"
        r"|\badw\b|mayhem",
        "Aggravated assault",
    ),
    _rule(
        r"simple (?:assault|battery|aslt)|common assault|minor assault|other assault|misdemeanou?r assault|assault 3"
        r"|assault.*\b(?:simple|third degree|misd\w*|other|minor)\b|without injury|battery|\bharr?ass\w*|threat\w*"
        r"|intimidat\w*|menac\w*",
        "Simple assault",
        MINOR,
    ),
    _rule(r"assault|\baslt\b|violent crime|violence", "Assault"),
    _rule(r"kidnap|abduct|false imprison|unlawful restraint", "Kidnapping", PRIVATE),
    _rule(
        rf"(?:theft|larceny|burglary|burg|steal\w*|stolen|break[- ]?in\w*)\W* ?(?:-|from|fr|f/|f|of items from"
        rf"|of property from|in)\W*"
        rf" ?(?:a |the )?(?:parked |locked |unlocked )?{_VEHICLE}\b(?! theft)|{_VEHICLE} ?(?:-"
        rf"|–)? ?(?:break[- ]?in\w*|burglary|prowl\w*)"
        rf"|(?:\bb ?& ?e\b|ent(?:er|ry)\w*)\W*(?:of |from |into |- ?)?(?:a )?{_VEHICLE}\b"
        rf"|\b(?:tfmv|tfv|tfa|lfa)\b|vehicle parts|auto parts|parts? (?:and|&) accessor\w*|catalytic|license (?:tag"
        rf"|plate)",
        "Theft from vehicle",
    ),
    _rule(
        rf"{_VEHICLE}\W+(?:attempt\w* )?(?:theft|larceny|stolen|taken)|(?:theft|larceny|stolen|steal\w*|taking"
        rf"|unauthori[sz]ed use)\W*"
        rf" ?(?:of )?(?:a )?{_VEHICLE}\b|grand theft auto|\b(?:mvt|uumv|gta|twoc|uuv)\b|joy ?rid\w*|vehicle crime"
        rf"|stolen {_VEHICLE}",
        "Motor vehicle theft",
    ),
    _rule(
        r"burglar\w*|\bburg\b|break\w* (?:and|&|or) ent\w*|\bb ?& ?e\b|break and enter|house ?breaking|home invasion"
        r"|unlawful entry|forced entry|break[- ]?in",
        "Burglary",
    ),
    _rule(
        r"theft|larceny|\blarc\b|shop ?lift\w*|steal\w*|stolen|pick ?pocket\w*|purse[- ]?snatch\w*|pilfer\w*", "Theft"
    ),
    _rule(
        r"vandal\w*|mischief|criminal damage|crim damage|graffiti|damage to|property damage|destruction of property"
        r"|defac\w*",
        "Vandalism",
        MINOR,
    ),
    _rule(r"arson|fire ?setting", "Arson", MINOR),
    _rule(
        r"weapon|firearm|\bguns?\b|knife|knives|concealed carry|explosive|ammunition|brandish\w*",
        "Weapons possession",
        ENFORCEMENT,
    ),
    _rule(
        r"disorder\w*|vagran\w*|loiter\w*|trespass\w*|public (?:peace|order|nuisance)|nuisance"
        r"|breach of (?:the )?peace|curfew|panhandl\w*"
        r"|begging|noise|disturb\w*|anti[- ]?social|quality of life|urinat\w*|camping|littering|truan\w*|ordinance"
        r"|city code"
        r"|suspicious|affray|riot|unlawful assembly|pub(?:lic)? ord|gang activity|bylaw",
        "Disorder",
        ENFORCEMENT,
    ),
    _rule(
        r"street crimes?|all (?:other|calls|crimes?|offen[sc]es)|other (?:crime|offen[sc]e)s?|miscellaneous|\bother\b"
        r"|\bmisc\b|unclassified",
        "Other",
        MIXED,
    ),
)


def rule_for(text: str) -> Rule | None:
    """The rule that a crime type or category falls under; ``None`` where no word of it is known."""
    plain = re.sub(r"[\s_]+", " ", text).strip().lower()
    return next((rule for rule in RULES if rule.words.search(plain)), None) if plain else None


def is_enforcement_driven(text: str) -> bool:
    """Whether a crime type or category mostly reflects where police look, such as drugs or traffic stops."""
    rule = rule_for(text)
    return rule is not None and rule.enforcement


_YES = frozenset({"yes", "y", "true", "t", "1", "1.0", "on", "use", "x", "ja", "oui", "si", "sí"})
_NO = frozenset({"no", "n", "false", "f", "0", "0.0", "off", "", "none", "nein", "non"})


def switch(value: object, table: str, row: str) -> bool:
    """What a column ``use`` says; :class:`InputError` names the table and the row of what is neither yes nor no."""
    if value is None or isinstance(value, bool):
        return bool(value)
    text = str(value).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise InputError(f"The {table} says use = “{value}” for “{row}”.", "Write yes or no.")
