"""The wire contract between gateway and cloud, used by both sides and by nothing below it.

Pure: no sockets, files, clock or chance in here. Versioned by `version.CONTRACT_VERSION`.
"""
