# tidy: table
"""Every message and parameter of LLRP 1.1: number, name, fields, and what must be inside.

The fields of one are written as a word, a letter each, in the order of the wire; fields of less
than a byte stay together in the byte or word that holds them:

    B H I Q   whole numbers of 1, 2, 4 and 8 bytes      b h   signed ones of 1 and 2 bytes
    E         an EPC of exactly 96 bits                 *     the rest, as it is
    s         text: length in bytes (2), UTF-8          y     bytes: length (2), bytes
    u         bits: length in bits (2), whole bytes     v w   2- and 4-byte numbers: count (2), …

Parameters below 128 are TV: one byte of type, then fields of known length and nothing inside.
The others are TLV: a length says where they end, and behind the fields come other parameters.
`needs` are those that must be there; a tuple in it is a choice of which one must be.

Source: EPCglobal Low Level Reader Protocol 1.1, sections 16 and 17 (binary encodings).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CUSTOM: Final = 1023
LLRP_STATUS: Final = 287


@dataclass(frozen=True, slots=True)
class Layout:
    """What one kind of message or parameter is made of."""

    name: str
    fields: str = ""
    needs: tuple[int | tuple[int, ...], ...] = ()


def _answer(name: str, fields: str = "") -> Layout:
    return Layout(name, fields, (LLRP_STATUS,))


MESSAGES: Final[dict[int, Layout]] = {
    1: Layout("GET_READER_CAPABILITIES", "B"),
    2: Layout("GET_READER_CONFIG", "HBHH"),
    3: Layout("SET_READER_CONFIG", "B"),
    4: _answer("CLOSE_CONNECTION_RESPONSE"),
    11: _answer("GET_READER_CAPABILITIES_RESPONSE"),
    12: _answer("GET_READER_CONFIG_RESPONSE"),
    13: _answer("SET_READER_CONFIG_RESPONSE"),
    14: Layout("CLOSE_CONNECTION"),
    20: Layout("ADD_ROSPEC", "", (177,)),
    21: Layout("DELETE_ROSPEC", "I"),
    22: Layout("START_ROSPEC", "I"),
    23: Layout("STOP_ROSPEC", "I"),
    24: Layout("ENABLE_ROSPEC", "I"),
    25: Layout("DISABLE_ROSPEC", "I"),
    26: Layout("GET_ROSPECS"),
    30: _answer("ADD_ROSPEC_RESPONSE"),
    31: _answer("DELETE_ROSPEC_RESPONSE"),
    32: _answer("START_ROSPEC_RESPONSE"),
    33: _answer("STOP_ROSPEC_RESPONSE"),
    34: _answer("ENABLE_ROSPEC_RESPONSE"),
    35: _answer("DISABLE_ROSPEC_RESPONSE"),
    36: _answer("GET_ROSPECS_RESPONSE"),
    40: Layout("ADD_ACCESSSPEC", "", (207,)),
    41: Layout("DELETE_ACCESSSPEC", "I"),
    42: Layout("ENABLE_ACCESSSPEC", "I"),
    43: Layout("DISABLE_ACCESSSPEC", "I"),
    44: Layout("GET_ACCESSSPECS"),
    45: Layout("CLIENT_REQUEST_OP", "", (240,)),
    46: Layout("GET_SUPPORTED_VERSION"),
    47: Layout("SET_PROTOCOL_VERSION", "B"),
    50: _answer("ADD_ACCESSSPEC_RESPONSE"),
    51: _answer("DELETE_ACCESSSPEC_RESPONSE"),
    52: _answer("ENABLE_ACCESSSPEC_RESPONSE"),
    53: _answer("DISABLE_ACCESSSPEC_RESPONSE"),
    54: _answer("GET_ACCESSSPECS_RESPONSE"),
    55: Layout("CLIENT_REQUEST_OP_RESPONSE", "", (211,)),
    56: _answer("GET_SUPPORTED_VERSION_RESPONSE", "BB"),
    57: _answer("SET_PROTOCOL_VERSION_RESPONSE"),
    60: Layout("GET_REPORT"),
    61: Layout("RO_ACCESS_REPORT"),
    62: Layout("KEEPALIVE"),
    63: Layout("READER_EVENT_NOTIFICATION", "", (246,)),
    64: Layout("ENABLE_EVENTS_AND_REPORTS"),
    72: Layout("KEEPALIVE_ACK"),
    100: _answer("ERROR_MESSAGE"),
    CUSTOM: Layout("CUSTOM_MESSAGE", "IB*"),
}

PARAMETERS: Final[dict[int, Layout]] = {
    1: Layout("AntennaID", "H"),
    2: Layout("FirstSeenTimestampUTC", "Q"),
    3: Layout("FirstSeenTimestampUptime", "Q"),
    4: Layout("LastSeenTimestampUTC", "Q"),
    5: Layout("LastSeenTimestampUptime", "Q"),
    6: Layout("PeakRSSI", "b"),
    7: Layout("ChannelIndex", "H"),
    8: Layout("TagSeenCount", "H"),
    9: Layout("ROSpecID", "I"),
    10: Layout("InventoryParameterSpecID", "H"),
    11: Layout("C1G2CRC", "H"),
    12: Layout("C1G2PC", "H"),
    13: Layout("EPC-96", "E"),
    14: Layout("SpecIndex", "H"),
    15: Layout("ClientRequestOpSpecResult", "H"),
    16: Layout("AccessSpecID", "I"),
    17: Layout("OpSpecID", "H"),
    18: Layout("C1G2SingulationDetails", "HH"),
    19: Layout("C1G2XPCW1", "H"),
    20: Layout("C1G2XPCW2", "H"),
    128: Layout("UTCTimestamp", "Q"),
    129: Layout("Uptime", "Q"),
    137: Layout("GeneralDeviceCapabilities", "HHIIs", (139, 141, 140)),
    139: Layout("ReceiveSensitivityTableEntry", "Hh"),
    140: Layout("PerAntennaAirProtocol", "Hy"),
    141: Layout("GPIOCapabilities", "HH"),
    142: Layout("LLRPCapabilities", "BBHIIIII"),
    143: Layout("RegulatoryCapabilities", "HH"),
    144: Layout("UHFBandCapabilities", "", (145, 146, 328)),
    145: Layout("TransmitPowerLevelTableEntry", "Hh"),
    146: Layout("FrequencyInformation", "B"),
    147: Layout("FrequencyHopTable", "BBw"),
    148: Layout("FixedFrequencyTable", "w"),
    149: Layout("PerAntennaReceiveSensitivityRange", "HHH"),
    177: Layout("ROSpec", "IBB", (178, (183, 187, CUSTOM))),
    178: Layout("ROBoundarySpec", "", (179, 182)),
    179: Layout("ROSpecStartTrigger", "B"),
    180: Layout("PeriodicTriggerValue", "II"),
    181: Layout("GPITriggerValue", "HBI"),
    182: Layout("ROSpecStopTrigger", "BI"),
    183: Layout("AISpec", "v", (184, 186)),
    184: Layout("AISpecStopTrigger", "BI"),
    185: Layout("TagObservationTrigger", "BBHHHI"),
    186: Layout("InventoryParameterSpec", "HB"),
    187: Layout("RFSurveySpec", "HII", (188,)),
    188: Layout("RFSurveySpecStopTrigger", "BII"),
    207: Layout("AccessSpec", "IHBBI", (208, 209)),
    208: Layout("AccessSpecStopTrigger", "BH"),
    209: Layout("AccessCommand", "", (338,)),
    210: Layout("ClientRequestOpSpec", "H"),
    211: Layout("ClientRequestResponse", "I", ((13, 241),)),
    217: Layout("LLRPConfigurationStateValue", "I"),
    218: Layout("Identification", "By"),
    219: Layout("GPOWriteData", "HB"),
    220: Layout("KeepaliveSpec", "BI"),
    221: Layout("AntennaProperties", "BHh"),
    222: Layout("AntennaConfiguration", "H"),
    223: Layout("RFReceiver", "H"),
    224: Layout("RFTransmitter", "HHH"),
    225: Layout("GPIPortCurrentState", "HBB"),
    226: Layout("EventsAndReports", "B"),
    237: Layout("ROReportSpec", "BH", (238,)),
    238: Layout("TagReportContentSelector", "H"),
    239: Layout("AccessReportSpec", "B"),
    240: Layout("TagReportData", "", ((13, 241),)),
    241: Layout("EPCData", "u"),
    242: Layout("RFSurveyReportData", "", (243,)),
    243: Layout("FrequencyRSSILevelEntry", "IIbb", ((128, 129),)),
    244: Layout("ReaderEventNotificationSpec", "", (245,)),
    245: Layout("EventNotificationState", "HB"),
    246: Layout("ReaderEventNotificationData", "", ((128, 129),)),
    247: Layout("HoppingEvent", "HH"),
    248: Layout("GPIEvent", "HB"),
    249: Layout("ROSpecEvent", "BII"),
    250: Layout("ReportBufferLevelWarningEvent", "B"),
    251: Layout("ReportBufferOverflowErrorEvent"),
    252: Layout("ReaderExceptionEvent", "s"),
    253: Layout("RFSurveyEvent", "BIH"),
    254: Layout("AISpecEvent", "BIH"),
    255: Layout("AntennaEvent", "BH"),
    256: Layout("ConnectionAttemptEvent", "H"),
    257: Layout("ConnectionCloseEvent"),
    LLRP_STATUS: Layout("LLRPStatus", "Hs"),
    288: Layout("FieldError", "HH"),
    289: Layout("ParameterError", "HH"),
    327: Layout("C1G2LLRPCapabilities", "BH"),
    328: Layout("UHFC1G2RFModeTable", "", (329,)),
    329: Layout("UHFC1G2RFModeTableEntry", "IBBBBIIIII"),
    330: Layout("C1G2InventoryCommand", "B"),
    331: Layout("C1G2Filter", "B", (332,)),
    332: Layout("C1G2TagInventoryMask", "BHu"),
    333: Layout("C1G2TagInventoryStateAwareFilterAction", "BB"),
    334: Layout("C1G2TagInventoryStateUnawareFilterAction", "B"),
    335: Layout("C1G2RFControl", "HH"),
    336: Layout("C1G2SingulationControl", "BHI"),
    337: Layout("C1G2TagInventoryStateAwareSingulationAction", "B"),
    338: Layout("C1G2TagSpec", "", (339,)),
    339: Layout("C1G2TargetTag", "BHuu"),
    341: Layout("C1G2Read", "HIBHH"),
    342: Layout("C1G2Write", "HIBHv"),
    343: Layout("C1G2Kill", "HI"),
    344: Layout("C1G2Lock", "HI", (345,)),
    345: Layout("C1G2LockPayload", "BB"),
    346: Layout("C1G2BlockErase", "HIBHH"),
    347: Layout("C1G2BlockWrite", "HIBHv"),
    348: Layout("C1G2EPCMemorySelector", "B"),
    349: Layout("C1G2ReadOpSpecResult", "BHv"),
    350: Layout("C1G2WriteOpSpecResult", "BHH"),
    351: Layout("C1G2KillOpSpecResult", "BH"),
    352: Layout("C1G2LockOpSpecResult", "BH"),
    353: Layout("C1G2BlockEraseOpSpecResult", "BH"),
    354: Layout("C1G2BlockWriteOpSpecResult", "BHH"),
    355: Layout("LoopSpec", "I"),
    356: Layout("SpecLoopEvent", "II"),
    357: Layout("C1G2Recommission", "HIB"),
    358: Layout("C1G2BlockPermalock", "HIBHv"),
    359: Layout("C1G2GetBlockPermalockStatus", "HIBHH"),
    360: Layout("C1G2RecommissionOpSpecResult", "BH"),
    361: Layout("C1G2BlockPermalockOpSpecResult", "BH"),
    362: Layout("C1G2GetBlockPermalockStatusOpSpecResult", "BHv"),
    363: Layout("MaximumReceiveSensitivity", "h"),
    365: Layout("RFSurveyFrequencyCapabilities", "II"),
    CUSTOM: Layout("Custom", "II*"),
}
