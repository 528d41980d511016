# tidy: table
"""The words of EPCIS 2.0 and CBV 2.0, and in which spellings each may be written.

A standard word is written bare (`shipping`), as a compact URI (`cbv:BizStep-shipping`) or as the
web URI of the vocabulary (`https://ref.gs1.org/cbv/BizStep-shipping`). The URNs of CBV 1 and the
namespace ns.gs1.org are refused in JSON, as the schema of the standard has it. Any other absolute
URI is somebody's own word.

Source: GS1 EPCIS 2.0, sections 7 and 9; GS1 CBV 2.0, sections 7 and 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cloud_sync.epcis.uris import is_uri


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EPCIS_VERSION: Final = "2.0.0"
CBV_VERSION: Final = "2.0.0"
EVENT_TYPES: Final = (
    "AggregationEvent",
    "AssociationEvent",
    "ObjectEvent",
    "TransactionEvent",
    "TransformationEvent",
)
ACTIONS: Final = ("ADD", "DELETE", "OBSERVE")

BIZ_STEPS: Final = _words(
    """accepting arriving assembling collecting commissioning consigning creating_class_instance
    cycle_counting decommissioning departing destroying disassembling dispensing encoding
    entering_exiting holding inspecting installing killing loading other packing picking receiving
    removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting
    shipping staging_outbound stock_taking stocking storing transporting unloading unpacking
    void_shipping"""
)
DISPOSITIONS: Final = _words(
    """active available completeness_inferred completeness_verified conformant container_closed
    container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit
    inactive mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match
    non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned
    sellable_accessible sellable_not_accessible stolen unavailable unknown"""
)
TRANSACTION_TYPES: Final = _words(
    """bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"""
)
PARTY_TYPES: Final = ("location", "owning_party", "possessing_party")
ERROR_REASONS: Final = ("did_not_occur", "incorrect_data")
COMPONENTS: Final = _words(
    """altitude axial_distance azimuth easting elevation_angle height latitude longitude northing
    polar_angle spherical_radius x y z"""
)
ALERTS: Final = ("ALARM_CONDITION", "ERROR_CONDITION")
MEASUREMENTS: Final = _words(
    """AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
    AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area
    Capacitance Conductance Conductivity Count Density Dimensionless DoseEquivalent
    DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity
    ElectricFieldStrength Energy Exposure Force Frequency Illuminance Inductance Irradiance
    KinematicViscosity Length LinearMomentum Luminance LuminousFlux LuminousIntensity MagneticFlux
    MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate
    MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power
    Pressure RadiantFlux RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity
    SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension Temperature Time Torque Voltage
    Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber"""
)

_CBV_WEB: Final = re.compile(r"(?:cbv:|https?://ref\.gs1\.org/cbv/)([A-Za-z]+)-(\w+)")
_CBV_REFUSED: Final = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/")
_GS1_WEB: Final = re.compile(r"(?:gs1:|https?://ref\.gs1\.org/voc/)(?:[A-Za-z]+-)?(\w+)")
_GS1_REFUSED: Final = re.compile(r"https?://(?:www\.)?gs1\.org/voc/")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One list of standard words.

    web: the name in the web URI (`BizStep`), empty for GS1's. urn: that in the URNs of CBV 1.
    """

    name: str
    words: tuple[str, ...]
    web: str
    urn: str = ""

    def plain(self, value: str) -> str:
        """The bare word of any spelling of a standard word; other values as they are."""
        old = f"urn:epcglobal:cbv:{self.urn}:"
        if self.urn and value.startswith(old) and value[len(old) :] in self.words:
            return value[len(old) :]
        found = _CBV_WEB.fullmatch(value) if self.web else _GS1_WEB.fullmatch(value)
        if found is None:
            return value
        word = found[found.re.groups]
        is_ours = found[1] == self.web if self.web else True
        return word if is_ours and word in self.words else value

    def fault(self, value: object) -> str | None:
        """Why the value may not stand there; None if it may."""
        if not isinstance(value, str):
            return f"a word or URI of {self.name} is expected"
        if value in self.words:
            return None
        if not is_uri(value):
            return f"{_shown(value)} is neither a standard {self.name} nor a URI"
        refused = _CBV_REFUSED if self.web else _GS1_REFUSED
        if refused.match(value):
            return f"{_shown(value)}: standard words of {self.name} are written bare"
        found = _CBV_WEB.fullmatch(value) if self.web else None
        if found is not None and found[1] == self.web and found[2] not in self.words:
            return f"{_shown(value)} is not in the vocabulary of {self.name}"
        return None


def _shown(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:77] + "...")


BIZ_STEP: Final = Vocabulary("bizStep", BIZ_STEPS, "BizStep", "bizstep")
DISPOSITION: Final = Vocabulary("disposition", DISPOSITIONS, "Disp", "disp")
TRANSACTION_TYPE: Final = Vocabulary("bizTransaction type", TRANSACTION_TYPES, "BTT", "btt")
PARTY_TYPE: Final = Vocabulary("source or destination type", PARTY_TYPES, "SDT", "sdt")
ERROR_REASON: Final = Vocabulary("error reason", ERROR_REASONS, "ER", "er")
COMPONENT: Final = Vocabulary("component", COMPONENTS, "Comp")
MEASUREMENT: Final = Vocabulary("measurement type", MEASUREMENTS, "")
ALERT: Final = Vocabulary("sensor alert", ALERTS, "")
