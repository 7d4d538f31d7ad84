"""The ERPs by the value of the setting TARGET."""

from local.erps.business_central import BUSINESS_CENTRAL
from local.erps.erp import Erp
from local.erps.nav import NAV
from local.erps.operations import OPERATIONS

ERPS = {erp.target: erp for erp in (OPERATIONS, BUSINESS_CENTRAL, NAV)}


def belongs_to_another(setting: str, erp: Erp) -> bool:
    """Whether the setting is of an ERP, and not of this one."""
    return any(setting.startswith(other.prefix) for other in ERPS.values() if other is not erp)
