"""A disk with a volatile write cache, served to one virtual machine as NBD over a unix socket. What was written is read back at once but
stands on the disk only after a flush. After SIGTERM the power goes with one of the next writes (or in five seconds without), so that
there is something to lose: of what was written and not flushed, some blocks are on the disk, some of them only their first sectors, and the
rest are not. Usage: volatile_disk.py IMAGE SOCKET"""
import collections, os, random, signal, socket, struct, subprocess, sys

image, path = sys.argv[1:]
SECTOR, BLOCK = 512, 4096
CACHE = 32 * 1024 * 1024
READ, WRITE, DISCONNECT, FLUSH = range(4)
INVALID = 22


class PowerCut(Exception):
    pass


def cut_now(*_):
    raise PowerCut


class Disk:
    """`durable` is the image; `current` is what the machine sees, in a file of no name; `pending` the writes between them, oldest first;
    `left`: how many more writes there is power for, once that is known."""

    def __init__(self):
        self.durable = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.durable).st_size
        copy = f"{image}.current"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        self.current = os.open(copy, os.O_RDWR)
        os.unlink(copy)
        self.pending, self.held, self.left = collections.deque(), 0, None

    def read(self, offset, length):
        return os.pread(self.current, length, offset)

    def write(self, offset, data):
        os.pwrite(self.current, data, offset)
        self.pending.append((offset, data))
        self.held += len(data)
        if self.left is not None:
            self.left -= 1
        if self.left == 0:
            raise PowerCut
        if self.held > CACHE:
            self.flush()

    def flush(self):
        while self.pending:
            offset, data = self.pending[0]
            os.pwrite(self.durable, data, offset)
            self.pending.popleft()
        self.held = 0

    def cut_soon(self, *_):
        self.left = random.randrange(1, 20)
        signal.alarm(5)

    def lose_power(self):
        signal.alarm(0)
        likely, kept = random.choice((0, 0.5, 0.9)), 0
        for offset, data in self.pending:
            for at in range(0, len(data), BLOCK):
                block = data[at : at + BLOCK]
                if random.random() < likely:
                    torn = random.random() < 0.1
                    kept += os.pwrite(self.durable, block[: SECTOR * random.randrange(BLOCK // SECTOR)] if torn else block, offset + at)
        print(f"{len(self.pending)} writes ({self.held >> 10} KiB) were not flushed, {kept >> 10} KiB of them are on the disk", flush=True)


class Client:
    """The machine's side of the protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md: fixed newstyle, simple replies)."""

    def __init__(self, connection):
        self.connection = connection

    def take(self, length):
        data = bytearray(length)
        view = memoryview(data)
        while view:
            got = self.connection.recv_into(view)
            if got == 0:
                raise EOFError
            view = view[got:]
        return bytes(data)

    def fields(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def greet(self, size):
        self.connection.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        self.take(4)
        go, info, acknowledged, unsupported = 7, 3, 1, 2**31 + 1
        while True:
            _, option, length = self.fields(">QII")
            self.take(length)
            if option != go:
                self.answer_option(option, unsupported, b"")
                continue
            has_flags_and_flush = 1 | 4
            self.answer_option(option, info, struct.pack(">HQH", 0, size, has_flags_and_flush))
            return self.answer_option(option, acknowledged, b"")

    def answer_option(self, option, kind, data):
        self.connection.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

    def serve(self, disk):
        while True:
            _, _, command, handle, offset, length = self.fields(">IHHQQI")
            error, data = 0, b""
            if command == READ:
                data = disk.read(offset, length)
            elif command == WRITE:
                disk.write(offset, self.take(length))
            elif command == FLUSH:
                disk.flush()
            elif command == DISCONNECT:
                return disk.flush()
            else:
                error = INVALID
            self.connection.sendall(struct.pack(">IIQ", 0x67446698, error, handle) + data)


disk = Disk()
signal.signal(signal.SIGTERM, disk.cut_soon)
signal.signal(signal.SIGALRM, cut_now)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
client = Client(listener.accept()[0])
os.unlink(path)
try:
    client.greet(disk.size)
    client.serve(disk)
except (EOFError, ConnectionError, PowerCut):
    disk.lose_power()
