"""boto3 with its default settings. Usage: boto3_test.py ENDPOINT OTHER_SITES_ENDPOINT"""
import datetime
import hashlib
import json
import os
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, other = sys.argv[1:3]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="bio1")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"{code} was expected")


s3.create_bucket(Bucket="from-boto3", CreateBucketConfiguration={"LocationConstraint": "bio1"})
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="from-boto3", CreateBucketConfiguration={"LocationConstraint": "bio1"})
refused("InvalidBucketName", s3.create_bucket, Bucket="Not_A_Name")
refused("InvalidLocationConstraint", s3.create_bucket, Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
assert "from-boto3" in [b["Name"] for b in s3.list_buckets()["Buckets"]]
assert s3.get_bucket_location(Bucket="from-boto3")["LocationConstraint"] == "bio1"
s3.head_bucket(Bucket="from-boto3")
refused("404", s3.head_bucket, Bucket="not-there-at-all")

body = os.urandom(100_000)
put = s3.put_object(Bucket="from-boto3", Key="dir/ключ +&=?.bin", Body=body, ContentType="image/png", Metadata={"camera": "7"},
                    Tagging="a=b&c=d", CacheControl="no-cache")
assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
got = s3.get_object(Bucket="from-boto3", Key="dir/ключ +&=?.bin")
assert got["Body"].read() == body and got["ContentType"] == "image/png" and got["Metadata"] == {"camera": "7"}
assert got["CacheControl"] == "no-cache" and got["TagCount"] == 2
assert {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket="from-boto3", Key="dir/ключ +&=?.bin")["TagSet"]} == {"a": "b", "c": "d"}
s3.put_object_tagging(Bucket="from-boto3", Key="dir/ключ +&=?.bin", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
s3.delete_object_tagging(Bucket="from-boto3", Key="dir/ключ +&=?.bin")
assert s3.get_object_tagging(Bucket="from-boto3", Key="dir/ключ +&=?.bin")["TagSet"] == []
assert s3.get_object(Bucket="from-boto3", Key="dir/ключ +&=?.bin", Range="bytes=70000-")["Body"].read() == body[70000:]
assert s3.get_object(Bucket="from-boto3", Key="dir/ключ +&=?.bin", Range="bytes=-5")["Body"].read() == body[-5:]
refused("InvalidRange", s3.get_object, Bucket="from-boto3", Key="dir/ключ +&=?.bin", Range="bytes=100000-")
refused("PreconditionFailed", s3.get_object, Bucket="from-boto3", Key="dir/ключ +&=?.bin", IfMatch='"other"')
refused("304", s3.get_object, Bucket="from-boto3", Key="dir/ключ +&=?.bin", IfNoneMatch=put["ETag"])
refused("304", s3.get_object, Bucket="from-boto3", Key="dir/ключ +&=?.bin", IfModifiedSince=got["LastModified"])
refused("NoSuchKey", s3.get_object, Bucket="from-boto3", Key="none")
refused("NoSuchBucket", s3.get_object, Bucket="not-there-at-all", Key="none")
for algorithm in ("CRC32", "SHA1", "SHA256"):
    answer = s3.put_object(Bucket="from-boto3", Key="sum", Body=b"hello world", ChecksumAlgorithm=algorithm)
    told = s3.head_object(Bucket="from-boto3", Key="sum", ChecksumMode="ENABLED")
    assert answer["Checksum" + algorithm] == told["Checksum" + algorithm], told
refused("BadDigest", s3.put_object, Bucket="from-boto3", Key="sum", Body=b"hello", ChecksumSHA256=told["ChecksumSHA256"])
refused("BadDigest", s3.put_object, Bucket="from-boto3", Key="sum", Body=b"hello", ContentMD5="XrY7u+Ae7tCTyyK7j1rNww==")
# What has no bytes, and then on the same connection what is refused after "100 Continue", or is not: botocore takes each for what it is.
s3.put_object(Bucket="from-boto3", Key="empty", Body=b"")
refused("BadDigest", s3.put_object, Bucket="from-boto3", Key="sum", Body=b"hello", ContentMD5="XrY7u+Ae7tCTyyK7j1rNww==")
for expected in (b"", b"hello"):
    assert s3.put_object(Bucket="from-boto3", Key="empty", Body=expected)["ETag"] == '"%s"' % hashlib.md5(expected).hexdigest()
s3.delete_object(Bucket="from-boto3", Key="empty")
refused("NotImplemented", s3.put_object, Bucket="from-boto3", Key="sse", Body=b"x", ServerSideEncryption="aws:kms")
assert "Status" not in s3.get_bucket_versioning(Bucket="from-boto3")

refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket="from-boto3")
s3.put_bucket_cors(Bucket="from-boto3", CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["https://page.example"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 9}]})
assert s3.get_bucket_cors(Bucket="from-boto3")["CORSRules"][0]["MaxAgeSeconds"] == 9
s3.delete_bucket_cors(Bucket="from-boto3")
refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket="from-boto3")
rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}
s3.put_bucket_lifecycle_configuration(Bucket="from-boto3", LifecycleConfiguration={"Rules": [rule]})
assert s3.get_bucket_lifecycle_configuration(Bucket="from-boto3")["Rules"] == [rule]
s3.delete_bucket_lifecycle(Bucket="from-boto3")
s3.put_bucket_tagging(Bucket="from-boto3", Tagging={"TagSet": [{"Key": "team", "Value": "traffic"}]})
assert s3.get_bucket_tagging(Bucket="from-boto3")["TagSet"] == [{"Key": "team", "Value": "traffic"}]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::from-boto3/sum"}]}
s3.put_bucket_policy(Bucket="from-boto3", Policy=json.dumps(policy))
assert json.loads(s3.get_bucket_policy(Bucket="from-boto3")["Policy"]) == policy
assert s3.get_bucket_policy_status(Bucket="from-boto3")["PolicyStatus"]["IsPublic"]
nobody = boto3.client("s3", endpoint_url=endpoint, region_name="bio1", config=Config(signature_version=UNSIGNED))
assert nobody.get_object(Bucket="from-boto3", Key="sum")["Body"].read() == b"hello world"
assert "no policy" in refused("AccessDenied", nobody.put_object, Bucket="from-boto3", Key="sum", Body=b"x")
s3.delete_bucket_policy(Bucket="from-boto3")
refused("AccessDenied", nobody.get_object, Bucket="from-boto3", Key="sum")

upload = s3.create_multipart_upload(Bucket="from-boto3", Key="parts", ContentType="text/plain")["UploadId"]
big = os.urandom(5 * 1024 * 1024)
one = s3.upload_part(Bucket="from-boto3", Key="parts", UploadId=upload, PartNumber=1, Body=big)
two = s3.upload_part_copy(Bucket="from-boto3", Key="parts", UploadId=upload, PartNumber=2, CopySourceRange="bytes=10-99",
                          CopySource={"Bucket": "from-boto3", "Key": "dir/ключ +&=?.bin"})
assert [p["PartNumber"] for p in s3.list_parts(Bucket="from-boto3", Key="parts", UploadId=upload)["Parts"]] == [1, 2]
assert s3.list_multipart_uploads(Bucket="from-boto3")["Uploads"][0]["UploadId"] == upload
parts = [{"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["CopyPartResult"]["ETag"]}]
refused("InvalidPartOrder", s3.complete_multipart_upload, Bucket="from-boto3", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts[::-1]})
refused("InvalidPart", s3.complete_multipart_upload, Bucket="from-boto3", Key="parts", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"0"'}]})
done = s3.complete_multipart_upload(Bucket="from-boto3", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
# Who heard no answer asks again.
again = s3.complete_multipart_upload(Bucket="from-boto3", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
assert again["ETag"] == done["ETag"], again
refused("NoSuchUpload", s3.complete_multipart_upload, Bucket="from-boto3", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts[:1]})
whole = s3.get_object(Bucket="from-boto3", Key="parts")
assert whole["Body"].read() == big + body[10:100] and whole["ETag"].endswith('-2"') and whole["ContentType"] == "text/plain"
upload = s3.create_multipart_upload(Bucket="from-boto3", Key="parts")["UploadId"]
s3.abort_multipart_upload(Bucket="from-boto3", Key="parts", UploadId=upload)
refused("NoSuchUpload", s3.list_parts, Bucket="from-boto3", Key="parts", UploadId=upload)

s3.copy_object(Bucket="from-boto3", Key="copy", CopySource={"Bucket": "from-boto3", "Key": "dir/ключ +&=?.bin"})
assert s3.head_object(Bucket="from-boto3", Key="copy")["Metadata"] == {"camera": "7"}
s3.copy_object(Bucket="from-boto3", Key="copy", CopySource={"Bucket": "from-boto3", "Key": "copy"}, MetadataDirective="REPLACE", Metadata={"n": "1"})
assert s3.head_object(Bucket="from-boto3", Key="copy")["Metadata"] == {"n": "1"}

for i in range(25):
    s3.put_object(Bucket="from-boto3", Key=f"many/{i % 5}/{i:02}", Body=b"")
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="from-boto3", Prefix="many/", PaginationConfig={"PageSize": 4})
keys = [o["Key"] for page in pages for o in page.get("Contents", [])]
assert keys == sorted(f"many/{i % 5}/{i:02}" for i in range(25)), keys
pages = s3.get_paginator("list_objects").paginate(Bucket="from-boto3", Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 2})
assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == [f"many/{i}/" for i in range(5)]
refused("BucketNotEmpty", s3.delete_bucket, Bucket="from-boto3")

s3.create_bucket(Bucket="with-versions", CreateBucketConfiguration={"LocationConstraint": "bio1"}, ObjectLockEnabledForBucket=True)
assert s3.get_bucket_versioning(Bucket="with-versions")["Status"] == "Enabled"
assert s3.get_object_lock_configuration(Bucket="with-versions")["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
refused("InvalidBucketState", s3.put_bucket_versioning, Bucket="with-versions", VersioningConfiguration={"Status": "Suspended"})
first = s3.put_object(Bucket="with-versions", Key="a", Body=b"one")["VersionId"]
second = s3.put_object(Bucket="with-versions", Key="a", Body=b"two")["VersionId"]
assert s3.get_object(Bucket="with-versions", Key="a")["Body"].read() == b"two"
assert s3.get_object(Bucket="with-versions", Key="a", VersionId=first)["Body"].read() == b"one"
s3.put_object_tagging(Bucket="with-versions", Key="a", VersionId=first, Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
assert s3.get_object_tagging(Bucket="with-versions", Key="a")["TagSet"] == []
copied = s3.copy_object(Bucket="with-versions", Key="b", CopySource={"Bucket": "with-versions", "Key": "a", "VersionId": first})
assert copied["CopySourceVersionId"] == first and s3.get_object(Bucket="with-versions", Key="b")["Body"].read() == b"one"
hidden = s3.delete_object(Bucket="with-versions", Key="a")
assert hidden["DeleteMarker"] and hidden["VersionId"] not in (first, second)
refused("NoSuchKey", s3.get_object, Bucket="with-versions", Key="a")
refused("MethodNotAllowed", s3.get_object, Bucket="with-versions", Key="a", VersionId=hidden["VersionId"])
refused("NoSuchVersion", s3.get_object, Bucket="with-versions", Key="a", VersionId="0123456789abcdef")
pages = s3.get_paginator("list_object_versions").paginate(Bucket="with-versions", Prefix="a", PaginationConfig={"PageSize": 1})
listed = [v["VersionId"] for page in pages for v in page.get("DeleteMarkers", []) + page.get("Versions", [])]
assert listed == [hidden["VersionId"], second, first], listed
asked = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=123456) + datetime.timedelta(hours=1)
until = asked.replace(microsecond=123000)
s3.put_object_retention(Bucket="with-versions", Key="a", VersionId=first, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": asked})
assert s3.get_object_retention(Bucket="with-versions", Key="a", VersionId=first)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
assert s3.head_object(Bucket="with-versions", Key="a", VersionId=first)["ObjectLockRetainUntilDate"] == until
refused("AccessDenied", s3.delete_object, Bucket="with-versions", Key="a", VersionId=first)
s3.delete_object(Bucket="with-versions", Key="a", VersionId=first, BypassGovernanceRetention=True)
s3.put_object_legal_hold(Bucket="with-versions", Key="a", VersionId=second, LegalHold={"Status": "ON"})
assert s3.get_object_legal_hold(Bucket="with-versions", Key="a", VersionId=second)["LegalHold"]["Status"] == "ON"
refused("AccessDenied", s3.delete_object, Bucket="with-versions", Key="a", VersionId=second)
s3.put_object_legal_hold(Bucket="with-versions", Key="a", VersionId=second, LegalHold={"Status": "OFF"})
default = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
s3.put_object_lock_configuration(Bucket="with-versions", ObjectLockConfiguration=default)
assert s3.get_object_lock_configuration(Bucket="with-versions")["ObjectLockConfiguration"] == default
assert s3.head_object(Bucket="with-versions", Key=s3.put_object(Bucket="with-versions", Key="c", Body=b"x") and "c")["ObjectLockMode"] == "GOVERNANCE"
rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}}
s3.put_bucket_lifecycle_configuration(Bucket="with-versions", LifecycleConfiguration={"Rules": [rule]})
assert s3.get_bucket_lifecycle_configuration(Bucket="with-versions")["Rules"] == [rule]
refused("BucketNotEmpty", s3.delete_bucket, Bucket="with-versions")
there = s3.list_object_versions(Bucket="with-versions")
every = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in there["Versions"] + there["DeleteMarkers"]]
assert "Errors" not in s3.delete_objects(Bucket="with-versions", BypassGovernanceRetention=True, Delete={"Objects": every})
s3.delete_bucket(Bucket="with-versions")

# Object lock and copies of a bucket that is made at another site than its home.
far = boto3.client("s3", endpoint_url=other, region_name="mad1")
far.create_bucket(Bucket="locked-from-afar", CreateBucketConfiguration={"LocationConstraint": "bio1"}, ObjectLockEnabledForBucket=True)
assert s3.get_object_lock_configuration(Bucket="locked-from-afar")["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
assert s3.get_bucket_versioning(Bucket="locked-from-afar")["Status"] == "Enabled"
s3.delete_bucket(Bucket="locked-from-afar")
copies = {}
far.meta.events.register("before-sign.s3.CreateBucket", lambda request, **_: request.headers.add_header("x-barrio-copies", copies["asked"]))
for copies["asked"], code in (("9", "InvalidArgument"), ("2", "InvalidRequest")):
    message = refused(code, far.create_bucket, Bucket="copied", CreateBucketConfiguration={"LocationConstraint": "bio1"})
assert "permits 1 site" in message, message
far.create_bucket(Bucket="copied", CreateBucketConfiguration={"LocationConstraint": "ES"})
assert s3.head_bucket(Bucket="copied")["ResponseMetadata"]["HTTPHeaders"]["x-barrio-copies"] == "2"
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="copied", CreateBucketConfiguration={"LocationConstraint": "ES"})
s3.put_object(Bucket="copied", Key="a", Body=b"at both sites")
assert far.get_object(Bucket="copied", Key="a")["Body"].read() == b"at both sites"
s3.delete_object(Bucket="copied", Key="a")
s3.delete_bucket(Bucket="copied")

message = refused("AccessDenied", boto3.client("s3", endpoint_url=other, region_name="mad1").list_objects_v2, Bucket="from-boto3")
assert "the policy allows site bio1" in message, message
wrong = boto3.client("s3", endpoint_url=endpoint, region_name="bio1", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
                     aws_secret_access_key="wrong")
refused("SignatureDoesNotMatch", wrong.list_buckets)
refused("InvalidAccessKeyId", boto3.client("s3", endpoint_url=endpoint, region_name="bio1", aws_access_key_id="BRKNOTTHERE",
                                               aws_secret_access_key="wrong").list_buckets)

names = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket="from-boto3")["Contents"]]
assert len(s3.delete_objects(Bucket="from-boto3", Delete={"Objects": names})["Deleted"]) == len(names)
s3.delete_bucket(Bucket="from-boto3")
print("all good")
