"""Clients of storage_kill.sh and storage_power.sh: threads that put, delete and upload in parts under keys of their own, and read them
back, while the site is killed under them or its machine loses power. What was answered has to stay; what was not answered may have
happened or not. While FOLDER/away is there nobody asks anything; once FOLDER/back is there too, every key is read back, both files are
removed, and they go on. Once FOLDER/stop is there, every key is read back a last time. Exits 1 where something was lost or torn, 2
where too little was done to mean anything. Usage: storage_load.py ENDPOINT KEY SECRET BUCKET FOLDER"""
import hashlib, os, random, sys, threading, time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

endpoint, key_id, secret, bucket, folder = sys.argv[1:]
WRITERS, KEYS, LARGE_KEYS = 5, 8, 3
PART = 5 * 1024 * 1024
wrong = []


def told(what):
    return os.path.exists(os.path.join(folder, what))


def all_read_back():
    for what in ("back", "away"):
        os.remove(os.path.join(folder, what))


read_back = threading.Barrier(WRITERS, action=all_read_back)


def client():
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=60, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=key_id, aws_secret_access_key=secret, region_name="bio1", config=config)


class Writer(threading.Thread):
    """`possible`: for each key the SHA-256 of each content that it may have; None: it is not there."""

    def __init__(self, number):
        super().__init__()
        self.number, self.random, self.client = number, random.Random(number), client()
        self.possible = {f"writer {number}/{i}": {None} for i in range(KEYS if number else LARGE_KEYS)}
        self.answered = self.unanswered = self.read = 0

    def run(self):
        while not told("stop"):
            if told("away"):
                self.wait_for_site()
            key = self.random.choice(list(self.possible))
            what = self.random.random()
            if what < 0.15:
                self.change(key, None, lambda: self.client.delete_object(Bucket=bucket, Key=key))
            elif what < 0.35:
                self.check(key)
            elif self.number == 0:
                self.put_in_parts(key)
            else:
                body = os.urandom(self.random.choice([100, 4096, 120_000, 200_000, 900_000]))
                self.change(key, body, lambda: self.client.put_object(Bucket=bucket, Key=key, Body=body))

    def wait_for_site(self):
        while not told("back"):
            time.sleep(0.05)
        self.check_all("once the site was back")
        read_back.wait()

    def check_all(self, when):
        for key in self.possible:
            patience = time.monotonic() + 10
            while not self.check(key):
                if time.monotonic() > patience:
                    wrong.append(f"{key}: cannot be read {when}")
                    break
                time.sleep(0.1)

    def change(self, key, body, act):
        digest = None if body is None else hashlib.sha256(body).hexdigest()
        self.possible[key].add(digest)
        try:
            act()
            self.possible[key] = {digest}
            self.answered += 1
        except (BotoCoreError, ClientError, HTTPClientError):
            self.unanswered += 1
            time.sleep(0.05)

    def put_in_parts(self, key):
        pieces = [os.urandom(PART), os.urandom(self.random.choice([10, 300_000]))]

        def act():
            upload = self.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
            parts = [{"PartNumber": i, "ETag": self.client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=i, Body=piece)["ETag"]}
                     for i, piece in enumerate(pieces, 1)]
            self.client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

        self.change(key, b"".join(pieces), act)

    def check(self, key):
        try:
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
            digest = hashlib.sha256(body).hexdigest()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                return False
            digest = None
        except (BotoCoreError, HTTPClientError):
            return False
        self.read += 1
        if digest not in self.possible[key]:
            wrong.append(f"{key}: is {digest}, of {self.possible[key]}")
        return True


writers = [Writer(i) for i in range(WRITERS)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
for writer in writers:
    writer.check_all("at the end")
listed = {item["Key"] for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page.get("Contents", [])}
for writer in writers:
    for key, contents in writer.possible.items():
        if (key in listed and contents == {None}) or (key not in listed and None not in contents):
            wrong.append(f"{key}: the list {'has' if key in listed else 'lacks'} it")
answered, unanswered, read = (sum(getattr(writer, name) for writer in writers) for name in ("answered", "unanswered", "read"))
print(f"{answered} changes answered, {unanswered} not; read back {read} times, {len(wrong)} wrong")
print("\n".join(wrong[:20]))
sys.exit(1 if wrong else 2 if answered < 100 or unanswered < 5 else 0)
