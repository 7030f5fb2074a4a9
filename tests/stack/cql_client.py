"""A small client of Cassandra's native protocol, version 4 (spoken by 3.11 up to 6.0), on Python's own library alone.

It sends one statement at a time and gives each column's bytes as the node sent them: nothing is decoded, so nothing of the
node's answer is lost. Source of the format: `doc/native_protocol_v4.spec` in Cassandra's repository.
"""

import socket
import struct

PROTOCOL_VERSION = 4
ERROR, STARTUP, READY, QUERY, RESULT = 0x00, 0x01, 0x02, 0x07, 0x08
RESULT_ROWS = 2
CONSISTENCIES = {"ONE": 0x0001, "QUORUM": 0x0004, "ALL": 0x0005}
FLAG_GLOBAL_TABLES, FLAG_MORE_PAGES, FLAG_NO_METADATA = 0x01, 0x02, 0x04
TYPE_CUSTOM, TYPE_LIST, TYPE_MAP, TYPE_SET, TYPE_UDT, TYPE_TUPLE = 0x00, 0x20, 0x21, 0x22, 0x30, 0x31


class CqlError(Exception):
    """The node refused a statement: its message, with the protocol's error code."""


class Reader:
    """Reads the protocol's notations from one frame's body."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, length):
        self.at += length
        return self.body[self.at - length : self.at]

    def short(self):
        return int.from_bytes(self.take(2), "big")

    def int(self):
        return int.from_bytes(self.take(4), "big", signed=True)

    def string(self):
        return self.take(self.short()).decode()

    def value(self):
        """Returns a [bytes] value, None for null."""
        length = self.int()
        return None if length < 0 else self.take(length)

    def skip_type(self):
        kind = self.short()
        if kind == TYPE_CUSTOM:
            self.string()
        elif kind in (TYPE_LIST, TYPE_SET):
            self.skip_type()
        elif kind == TYPE_MAP:
            self.skip_type()
            self.skip_type()
        elif kind == TYPE_UDT:
            self.string()
            self.string()
            for _ in range(self.short()):
                self.string()
                self.skip_type()
        elif kind == TYPE_TUPLE:
            for _ in range(self.short()):
                self.skip_type()


class Connection:
    """One connection to a node; statements run one after the other, with consistency ONE unless another is named."""

    def __init__(self, address, port=9042, timeout_seconds=120, consistency="ONE"):
        self.consistency = CONSISTENCIES[consistency]
        self.socket = socket.create_connection((address, port), timeout=timeout_seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        options = {"CQL_VERSION": "3.0.0"}
        body = struct.pack(">H", len(options))
        for text in (text for pair in options.items() for text in pair):
            body += struct.pack(">H", len(text)) + text.encode()
        if self._ask(STARTUP, body)[0] != READY:
            raise CqlError("the node wants authentication, which this client doesn't know")

    def execute(self, statement):
        """Runs a statement; returns (column names, rows of raw values), both empty for what gives no rows."""
        text = statement.encode()
        opcode, reader = self._ask(QUERY, struct.pack(">i", len(text)) + text + struct.pack(">HB", self.consistency, 0))
        if opcode != RESULT or reader.int() != RESULT_ROWS:
            return [], []
        names = self._column_names(reader)
        return names, [[reader.value() for _ in names] for _ in range(reader.int())]

    def _column_names(self, reader):
        flags, columns = reader.int(), reader.int()
        # No page size is asked for, so the node sends all rows at once, with their metadata.
        assert not flags & (FLAG_MORE_PAGES | FLAG_NO_METADATA), f"unexpected result flags {flags:#x}"
        if flags & FLAG_GLOBAL_TABLES:
            reader.string()
            reader.string()
        names = []
        for _ in range(columns):
            if not flags & FLAG_GLOBAL_TABLES:
                reader.string()
                reader.string()
            names.append(reader.string())
            reader.skip_type()
        return names

    def _ask(self, opcode, body):
        self.socket.sendall(struct.pack(">BBhBi", PROTOCOL_VERSION, 0, 0, opcode, len(body)) + body)
        version, flags, _stream, opcode, length = struct.unpack(">BBhBi", self._read(9))
        reader = Reader(self._read(length))
        if flags & 0x08:  # warnings come first
            for _ in range(reader.short()):
                reader.string()
        if opcode == ERROR:
            code = reader.int()
            raise CqlError(f"{reader.string()} (code {code:#06x})")
        assert version == 0x80 | PROTOCOL_VERSION, f"unexpected protocol version {version:#x}"
        return opcode, reader

    def _read(self, length):
        data = self.stream.read(length)
        if len(data) != length:
            raise CqlError("the node closed the connection")
        return data
