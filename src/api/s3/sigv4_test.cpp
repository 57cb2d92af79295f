#include "api/s3/sigv4.h"

#include <doctest/doctest.h>

#include "api/s3/checksums.h"
#include "api/s3/chunked.h"
#include "base/hash.h"
#include "base/rng.h"

// The examples of the S3 API reference, "Signature Calculations for the Authorization Header" and the pages beside it:
// all with this key pair, at this time.

namespace barrio::api::s3::sigv4_test {

namespace {

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const WallTime then = *parse_wall_time("2013-05-24T00:00:00Z");

std::string authorization(std::string_view headers, std::string_view signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
         std::string(headers) + ",Signature=" + std::string(signature);
}

Outcome<ChunkSigning> verify(const RequestView& request, WallTime now = then, std::string_view key = secret) {
  S3_TRY(const auto claim, read_claim(request));
  REQUIRE(claim);
  CHECK(claim->key_id == "AKIAIOSFODNN7EXAMPLE");
  return verify_claim(*claim, request, key, now);
}

struct Example {
  std::string authorization;
  RequestView view;
};

RequestView get_object(const std::string& authorization) {
  return {"GET",
          "/test.txt",
          "",
          {{"Host", "examplebucket.s3.amazonaws.com"},
           {"Authorization", authorization},
           {"Range", "bytes=0-9"},
           {"x-amz-content-sha256", empty_sha256},
           {"x-amz-date", "20130524T000000Z"}}};
}

const std::string get_signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";

std::string code(const Outcome<ChunkSigning>& outcome) {
  return outcome ? "" : outcome.error().code;
}

}  // namespace

TEST_CASE("GET Object, PUT Object, GET Bucket Lifecycle and List Objects are signed as the reference says") {
  const std::string get = authorization("host;range;x-amz-content-sha256;x-amz-date", get_signature);
  CHECK(verify(get_object(get)));

  const std::string put = authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                                        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(verify({"PUT",
                "/test%24file.text",
                "",
                {{"Host", "examplebucket.s3.amazonaws.com"},
                 {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"Authorization", put},
                 {"x-amz-date", "20130524T000000Z"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                 {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}}}));

  for (const auto& [query, signature] :
       {std::pair{"lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        std::pair{"max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}}) {
    const std::string list = authorization("host;x-amz-content-sha256;x-amz-date", signature);
    CHECK(verify({"GET",
                  "/",
                  query,
                  {{"Host", "examplebucket.s3.amazonaws.com"},
                   {"x-amz-date", "20130524T000000Z"},
                   {"x-amz-content-sha256", empty_sha256},
                   {"Authorization", list}}}));
  }
}

TEST_CASE("another key, path, query, header or time, and a header that is not signed, are refused") {
  const std::string get = authorization("host;range;x-amz-content-sha256;x-amz-date", get_signature);
  const RequestView good = get_object(get);
  CHECK(code(verify(good, then, "another")) == "SignatureDoesNotMatch");
  CHECK(code(verify(good, then + 16min)) == "RequestTimeTooSkewed");
  CHECK(code(verify(good, then - 16min)) == "RequestTimeTooSkewed");
  RequestView changed = good;
  changed.path = "/test.tx";
  CHECK(code(verify(changed)) == "SignatureDoesNotMatch");
  changed = good;
  changed.query = "acl";
  CHECK(code(verify(changed)) == "SignatureDoesNotMatch");
  changed = good;
  changed.headers[2].second = "bytes=0-8";
  CHECK(code(verify(changed)) == "SignatureDoesNotMatch");
  changed = good;
  changed.headers.emplace_back("x-amz-copy-source", "/other/key");
  CHECK(code(verify(changed)) == "AccessDenied");
}

TEST_CASE("a presigned URL is valid until it expires") {
  const std::string query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"
      "request"
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  const RequestView request{"GET", "/test.txt", query, {{"Host", "examplebucket.s3.amazonaws.com"}}};
  CHECK(verify(request));
  CHECK(verify(request, then + 24h));
  CHECK(verify(request, then + 24h + 1s).error().message == "Request has expired");
}

namespace {

const std::string seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

/// The reference's example of a body in chunks: 64 KiB and 1 KiB of 'a'.
std::string chunked_body() {
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

ChunkSigning chunk_signing() {
  const std::string header = authorization(
      "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
      "x-amz-storage-class",
      seed);
  auto signing = verify({"PUT",
                         "/examplebucket/chunkObject.txt",
                         "",
                         {{"Host", "s3.amazonaws.com"},
                          {"x-amz-date", "20130524T000000Z"},
                          {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                          {"Authorization", header},
                          {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
                          {"Content-Encoding", "aws-chunked"},
                          {"x-amz-decoded-content-length", "66560"},
                          {"Content-Length", "66824"}}});
  REQUIRE(signing);
  return *signing;
}

}  // namespace

TEST_CASE("a body in signed chunks is that of the reference, however it is cut, and no bit of it may change") {
  const ChunkSigning signing = chunk_signing();
  const std::string body = chunked_body();
  CHECK(body.size() == 66824);
  for (const size_t step : {1, 3, 1000, 65536, 70000}) {
    ChunkedReader reader(Payload::chunks_signed, signing);
    std::string decoded;
    for (size_t at = 0; at < body.size(); at += step)
      REQUIRE(reader.take(std::string_view(body).substr(at, step), decoded));
    CHECK(reader.finish());
    CHECK(decoded == std::string(66560, 'a'));
  }
  Rng rng(3);
  for (int i = 0; i < 300; ++i) {
    std::string changed = body;
    const size_t bit = rng.below(body.size() * 8);
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    ChunkedReader reader(Payload::chunks_signed, signing);
    std::string decoded;
    const auto taken = reader.take(changed, decoded);
    // The case of a hexadecimal digit says nothing.
    const bool same = std::tolower(changed[bit / 8]) == std::tolower(body[bit / 8]);
    CHECK((!taken || !reader.finish() || same));
  }
  for (size_t cut = 0; cut < body.size() - 2; cut += 997) {
    ChunkedReader reader(Payload::chunks_signed, signing);
    std::string decoded;
    REQUIRE(reader.take(std::string_view(body).substr(0, cut), decoded));
    CHECK(!reader.finish());
  }
}

TEST_CASE("trailers of an unsigned body in chunks are read, and those of a signed one must be signed") {
  ChunkedReader reader(Payload::chunks_trailer, {});
  std::string decoded;
  REQUIRE(reader.take("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", decoded));
  CHECK(reader.finish());
  CHECK(decoded == "hello");
  Checksum crc(ChecksumKind::crc32);
  crc.add(decoded);
  CHECK(reader.trailers().at("x-amz-checksum-crc32") == crc.finish());

  ChunkSigning signing = chunk_signing();
  const ChunkSigning first = signing;
  const std::string one = chunk_signature(signing, hex_of(hash_of(HashKind::sha256, "hello")));
  signing.previous = one;
  const std::string end = chunk_signature(signing, empty_sha256);
  signing.previous = end;
  const std::string trailer =
      trailer_signature(signing, hex_of(hash_of(HashKind::sha256, "x-amz-checksum-crc32:NhCmhg==\n")));
  const auto body = [&](const std::string& value) {
    return "5;chunk-signature=" + one + "\r\nhello\r\n0;chunk-signature=" + end + "\r\nx-amz-checksum-crc32:" + value +
           "\r\nx-amz-trailer-signature:" + trailer + "\r\n\r\n";
  };
  const auto taken = [&](const std::string& text) {
    ChunkedReader with_trailer(Payload::chunks_signed_trailer, first);
    std::string out;
    return with_trailer.take(text, out) && with_trailer.finish();
  };
  CHECK(taken(body("NhCmhg==")));
  CHECK(!taken(body("NhCmhh==")));
  const std::string whole = body("NhCmhg==");
  CHECK(!taken(whole.substr(0, whole.find("x-amz-trailer-signature")) + "\r\n"));
}

TEST_CASE("checksums are those of the reference for well-known text") {
  const auto of = [](ChecksumKind kind) {
    Checksum checksum(kind);
    checksum.add("hello");
    checksum.add(" world");
    return checksum.finish();
  };
  CHECK(of(ChecksumKind::crc32) == "DUoRhQ==");
  CHECK(of(ChecksumKind::crc32c) == "yZRlqg==");
  CHECK(of(ChecksumKind::sha1) == "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
  CHECK(of(ChecksumKind::sha256) == "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=");
  for (const ChecksumKind kind : all_checksums) CHECK(*checksum_of(name_of(kind)) == kind);
  CHECK(!checksum_of("MD5"));
}

TEST_CASE("what is no signature is refused with the code that says why") {
  const auto refused = [](std::string_view value, std::string_view query = "") {
    const RequestView request{"GET",
                              "/",
                              query,
                              {{"Host", "x"},
                               {"Authorization", value},
                               {"x-amz-date", "20130524T000000Z"},
                               {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}};
    const auto claim = read_claim(request);
    return claim ? "" : claim.error().code;
  };
  CHECK(refused("AWS4-HMAC-SHA256 nonsense") == "AuthorizationHeaderMalformed");
  CHECK(refused("AWS4-HMAC-SHA256 Credential=K/20130525/r/s3/aws4_request,SignedHeaders=host,Signature=0") ==
        "AuthorizationHeaderMalformed");
  CHECK(refused("AWS4-HMAC-SHA256 Credential=K/20130524/r/s3/aws4_request,SignedHeaders=range,Signature=0") ==
        "AuthorizationHeaderMalformed");
  CHECK(refused("AWS key:signature") == "InvalidRequest");
  CHECK(refused("Bearer token") == "");
  const RequestView presigned{"GET", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=9999999", {}};
  CHECK(read_claim(presigned).error().code == "AuthorizationQueryParametersError");
}

}  // namespace barrio::api::s3::sigv4_test
