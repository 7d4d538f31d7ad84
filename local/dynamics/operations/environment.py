"""What is set up in the simulated environment: legal entities, reference data, and knobs of behaviour.

Enters through the control endpoint, is read by the rules. The legal entities are those of the public demo
data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class NumberSequence:
    """The customer account sequence of a company; `manual` says whether a client may give numbers itself."""

    prefix: str = "C-"
    digits: int = 6
    next: int = 1
    manual: bool = True

    def draw(self) -> str:
        """The next number; drawn numbers are never given back, not even when the write fails."""
        number = f"{self.prefix}{self.next:0{self.digits}d}"
        self.next += 1
        return number


@dataclass(slots=True)
class Company:
    """A legal entity; `references` are the values of foreign keys whose tables are not simulated."""

    currency: str
    name: str = ""
    numbers: NumberSequence = field(default_factory=NumberSequence)
    references: dict[str, set[str]] = field(default_factory=dict[str, set[str]])


def standard_companies() -> dict[str, Company]:
    """Legal entities by id, lower case."""
    companies = {
        "dat": Company("USD", "Company accounts data"),
        "usmf": Company("USD", "Contoso Entertainment System USA"),
        "usrt": Company("USD", "Contoso Retail USA"),
        "demf": Company("EUR", "Contoso Entertainment System Germany"),
        "frrt": Company("EUR", "Contoso Retail France"),
        "gbsi": Company("GBP", "Contoso Orange Juice"),
        "jpmf": Company("JPY", "Contoso Entertainment System Japan"),
    }
    for company in companies.values():
        company.references = {name: set(values) for name, values in REFERENCES.items()}
    return companies


PAYMENT_TERMS = ("COD", "Net10", "Net15", "Net30", "Net45", "Net60")  # of each company, from the beginning
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "PaymentTermId": PAYMENT_TERMS,
    "PaymentMethod": ("CASH", "CHECK", "CREDIT", "ELECTRONIC", "TRANS"),
    "PaymentSchedule": ("Monthly", "Quarterly"),
    "PaymentDay": ("EOM", "15", "Mon"),
    "DeliveryTerms": ("CIF", "DDP", "EXW", "FOB"),
    "DeliveryMode": ("10", "11", "20", "Air", "Road"),
    "SiteId": ("1", "2", "3"),
    "WarehouseId": ("11", "12", "13", "21"),
    "SalesTaxGroup": ("AVATAX", "CA", "EU", "NONTAX", "VAT"),
}


def _words(text: str) -> list[str]:
    return text.split()


LANGUAGES = frozenset(
    _words("""
    ar cs da de de-at de-ch en-au en-ca en-gb en-ie en-in en-us es es-mx et fi fr fr-be fr-ca fr-ch hu is it
    it-ch ja lt lv nb-no nl nl-be pl pt-br ru sv th tr zh-hans
    """)
)

# ISO 3166-1 alpha-2
COUNTRIES = frozenset(
    _words("""
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
    IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
    YT ZA ZM ZW
    """)
)

# The application's own country ids have three letters; only common ones are known here.
COUNTRY_IDS = dict(
    pair.split(":")
    for pair in _words("""
    AE:ARE AR:ARG AT:AUT AU:AUS BE:BEL BR:BRA CA:CAN CH:CHE CN:CHN CZ:CZE DE:DEU DK:DNK EE:EST ES:ESP FI:FIN
    FR:FRA GB:GBR GR:GRC HU:HUN IE:IRL IN:IND IS:ISL IT:ITA JP:JPN KR:KOR LT:LTU LU:LUX LV:LVA MX:MEX NL:NLD
    NO:NOR NZ:NZL PL:POL PT:PRT RO:ROU SA:SAU SE:SWE SG:SGP SI:SVN SK:SVK TH:THA TR:TUR UA:UKR US:USA ZA:ZAF
    """)
)


@dataclass(slots=True)
class Environment:
    """Everything that a setting can change; `read_only` are properties that this user may not update."""

    companies: dict[str, Company] = field(default_factory=standard_companies)
    default_company: str = "dat"
    duplicate_status: int = 400
    page_size: int = 10_000
    read_only: set[str] = field(default_factory=set[str])
    next_party: int = 1

    def draw_party(self) -> str:
        """The next party number of the global address book."""
        number = f"{self.next_party:09d}"
        self.next_party += 1
        return number
