#include "objects/access.h"

namespace barrio::objects {

namespace {

std::string action_on_object(const std::string& what, std::string_view method) {
  if (what == "tagging") {
    return method == "GET" ? "s3:GetObjectTagging" : method == "PUT" ? "s3:PutObjectTagging" : "s3:DeleteObjectTagging";
  }
  if (what == "uploadId" && method == "GET") return "s3:ListMultipartUploadParts";
  if (what == "uploadId" && method == "DELETE") return "s3:AbortMultipartUpload";
  if (method == "GET" || method == "HEAD") return "s3:GetObject";
  return method == "DELETE" ? "s3:DeleteObject" : "s3:PutObject";
}

}  // namespace

std::string action_of(const S3Call& call) {
  const std::string what = call.subresource();
  if (!call.key.empty()) return action_on_object(what, call.view.method);
  if (call.view.method != "GET") return "";
  if (what == "uploads") return "s3:ListBucketMultipartUploads";
  return what.empty() ? "s3:ListBucket" : "";
}

}  // namespace barrio::objects
