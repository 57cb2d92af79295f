// The AWS SDK for JavaScript with its default settings: bodies in aws-chunked with a checksum in a trailer.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteBucketCommand, DeleteObjectsCommand,
  GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand,
} from '@aws-sdk/client-s3';

const client = new S3Client({ endpoint: process.env.S3_ENDPOINT, region: 'bio1', forcePathStyle: true });
const Bucket = 'from-javascript';

async function read(Key, options = {}) {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...options }));
  return { answer, body: Buffer.from(await answer.Body.transformToByteArray()) };
}

test('objects come back as they went', async () => {
  await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'bio1' } }));
  const body = randomBytes(300_000);
  await client.send(new PutObjectCommand({ Bucket, Key: 'buffer ñ/+', Body: body, Metadata: { a: 'b' } }));
  const { answer, body: got } = await read('buffer ñ/+');
  assert.deepEqual(got, body);
  assert.deepEqual(answer.Metadata, { a: 'b' });
});

test('a stream is sent in chunks with its checksum behind it, whatever the algorithm', async () => {
  const body = randomBytes(1_000_000);
  for (const ChecksumAlgorithm of [undefined, 'CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
    const command = new PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from([body.subarray(0, 77), body.subarray(77)]),
      ContentLength: body.length, ChecksumAlgorithm });
    try {
      await client.send(command);
    } catch (error) {
      // CRC64NVME needs a native package of the SDK, which is no dependency of its own.
      assert.equal(ChecksumAlgorithm, 'CRC64NVME', error);
      continue;
    }
    assert.deepEqual((await read('stream', { ChecksumMode: 'ENABLED' })).body, body);
  }
});

test('parts', async () => {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
  const pieces = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
  const Parts = [];
  for (const [i, Body] of pieces.entries()) {
    const part = await client.send(new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: i + 1, Body }));
    Parts.push({ PartNumber: i + 1, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
  }
  await client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId, MultipartUpload: { Parts } }));
  assert.deepEqual((await read('parts')).body, Buffer.concat(pieces));
});

test('conditions of writes', async () => {
  await assert.rejects(client.send(new PutObjectCommand({ Bucket, Key: 'parts', Body: 'x', IfNoneMatch: '*' })), { name: 'PreconditionFailed' });
  await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: 'none' })), { name: 'NotFound' });
});

test('all of it goes', async () => {
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
  await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }));
  await client.send(new DeleteBucketCommand({ Bucket }));
});
