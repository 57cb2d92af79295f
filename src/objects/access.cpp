#include "objects/access.h"

namespace barrio::objects {

namespace {

/// `version`: "Version" of a request that names one.
std::string action_on_object(const std::string& what, std::string_view method, const std::string& version) {
  if (what == "tagging") {
    const char* verb = method == "GET" ? "Get" : method == "PUT" ? "Put" : "Delete";
    return std::string("s3:") + verb + "Object" + version + "Tagging";
  }
  if (what == "retention") return method == "GET" ? "s3:GetObjectRetention" : "s3:PutObjectRetention";
  if (what == "legal-hold") return method == "GET" ? "s3:GetObjectLegalHold" : "s3:PutObjectLegalHold";
  if (what == "uploadId" && method == "GET") return "s3:ListMultipartUploadParts";
  if (what == "uploadId" && method == "DELETE") return "s3:AbortMultipartUpload";
  if (method == "GET" || method == "HEAD") return "s3:GetObject" + version;
  return method == "DELETE" ? "s3:DeleteObject" + version : "s3:PutObject";
}

}  // namespace

std::string action_of(const S3Call& call) {
  const std::string what = call.subresource();
  if (!call.key.empty()) return action_on_object(what, call.view.method, call.has("versionId") ? "Version" : "");
  if (call.view.method != "GET") return "";
  if (what == "uploads") return "s3:ListBucketMultipartUploads";
  if (what == "versions") return "s3:ListBucketVersions";
  return what.empty() ? "s3:ListBucket" : "";
}

}  // namespace barrio::objects
