"""Streams of requests, well-formed and not, made from a grammar by seed: the same seed gives the same bytes."""

import random

METHODS = [b"GET"] * 4 + [b"POST"] * 4 + [b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"BREW", b"get", b"G(T", b""]
TARGETS = [b"/", b"/a", b"/a?b=c&d=%20", b"/a/../b", b"//a", b"/a/%2e%2E/b", b"/" + b"a" * 300] * 4 + [
    b"*", b"http://b/a", b"a:443", b"/a#b", b"/a b", b"/\xc3\xa1", b"/\x7f", b"?a", b"/a\tb", b"/%zz", b"/a|b", b"/a\\b", b"/\"<>{}^`"]
VERSIONS = [b"HTTP/1.1"] * 16 + [b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10", b""]
HOSTS = [b"Host: a"] * 12 + [b"hOsT:\ta:80 ", b"Host: [::1]:8080", b"Host: a.b-c.d", b"Host:", b"Host: a\r\nHost: a",
                             b"Host: a b", b"Host: a/b", b"Host: a:b", b"Host : a", b"X-No-Host: a", b"Host: @a", b"Host: [::1"]
FIELDS = [b"X: y", b"Accept: */*", b"X-Empty:", b"X-Blank: \t a b \t", b"Cookie: a=b; c=\"d\"", b"X-High: \xc3\xa1",
          b"Connection: keep-alive", b"!#$%&'*+-.^_`|~: x"] * 3 + [
    b"X : y", b" X: y", b"X: y\r\n z", b"X: y\r\n\tz", b"X\x00: y", b"X: \x00", b"X: a\x01b", b"X: a\rb", b": y", b"X y",
    b"X(: y", b"X: y\nZ: z", b"Connection: close", b"Expect: 100-continue", b"Expect: tea", b"Upgrade: h2c", b"TE: trailers",
    b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: Host, X", b"Trailer: X"]
LENGTHS = [b"+%d", b"-%d", b"0x%x", b"%d, %d", b"%d %d", b"00%d", b"%d\t", b"\x0b%d", b"\"%d\"", b"%d.0", b"%d;", b"1%040d"]
CODINGS = [b"chunked"] * 4 + [b"Chunked", b"xchunked", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"identity",
                              b"", b"\tchunked ", b"\x0bchunked", b"chunked,", b"\"chunked\"", b"chunked;a=b", b"chunked\r\n ,identity"]
CHUNK_SIZES = [b"%x"] * 6 + [b"%X", b"000%x", b"%x;a=b", b"%x;a=\"b;c\"", b"%x ", b" %x", b"0x%x", b"+%x", b"-%x", b"%x;a\nb", b"%x\t;a",
                             b"%x,", b"1000000000000000%x", b"%xg"]
TRAILERS = [b""] * 6 + [b"T: u\r\n", b"Content-Length: 5\r\n", b"T : u\r\n", b" T: u\r\n", b"T\r\n", b"T: u\n"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def rarely(self, share=0.08):
        return self.random.random() < share

    def pick(self, choices, good=1):
        """Mostly one of the good ones, which stand first and most often."""
        return choices[0] if self.random.random() < good * 0.5 else self.random.choice(choices)

    def chunks(self, body):
        out = b""
        while body:
            size = self.random.randint(1, len(body))
            form = self.pick(CHUNK_SIZES)
            end = b"\n" if self.rarely(0.02) else b"" if self.rarely(0.02) else b"\r\n"
            out += form % size + b"\r\n" + body[:size] + end
            body = body[size:]
        last = b"00" if self.rarely() else b"0"
        return out + last + b"\r\n" + self.pick(TRAILERS) + (b"\n" if self.rarely(0.03) else b"\r\n")

    def framing(self, body):
        """Fields and the bytes after the head."""
        kind = self.random.choice(["none", "none", "length", "length", "length", "chunked", "chunked", "both", "odd length"])
        length = len(body) + (self.random.choice([-1, 1, 30]) if self.rarely(0.04) else 0)
        if kind == "none":
            return [], b""
        if kind == "length":
            return [b"Content-Length: %d" % max(0, length)], body
        if kind == "odd length":
            form = self.random.choice(LENGTHS)
            return [b"Content-Length: " + form % ((length,) * form.count(b"%"))], body
        coding = b"Transfer-Encoding: " + self.pick(CODINGS)
        if kind == "chunked":
            return [coding], self.chunks(body)
        fields = [coding, b"Content-Length: %d" % length]
        self.random.shuffle(fields)
        return (fields, self.chunks(body)) if self.rarely(0.4) else ([coding], self.chunks(body))

    def message(self):
        body = self.random.choice([b"", b"hello", b"x" * 100, b"0\r\n\r\n", b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"])
        fields, rest = self.framing(body)
        lines = [self.pick(HOSTS)] + fields
        for _ in range(self.random.randint(0, 3)):
            lines.insert(self.random.randint(0, len(lines)), self.pick(FIELDS, 1.2))
        blank = b" " if not self.rarely(0.03) else self.random.choice([b"  ", b"\t"])
        start = blank.join([self.pick(METHODS, 0.3), self.pick(TARGETS, 0.6), self.pick(VERSIONS)])
        end = b"\n" if self.rarely(0.03) else b"\r\n"
        before = b"\r\n" if self.rarely(0.02) else b""
        return before + end.join([start] + lines) + end + end + rest

    def stream(self):
        out = b"".join(self.message() for _ in range(self.random.choice([1, 1, 1, 2, 3])))
        if self.rarely(0.05):  # a byte goes, comes or changes
            at = self.random.randrange(len(out))
            out = out[:at] + self.random.choice([b"", b"\r", b"\n", b"\x00", b" ", b":"]) + out[at + self.random.randint(0, 1):]
        return out


def streams(seed, count):
    return [Maker(seed * 1_000_003 + i).stream() for i in range(count)]
