#include "api/s3/fault.h"

#include <algorithm>
#include <array>

#include "api/s3/xml.h"

namespace barrio::api::s3 {

namespace {

struct Known {
  std::string_view code;
  int status;
};
constexpr std::array known{
    Known{"AccessDenied", 403},
    Known{"AccessForbidden", 403},
    Known{"AuthorizationHeaderMalformed", 400},
    Known{"AuthorizationQueryParametersError", 400},
    Known{"BadDigest", 400},
    Known{"BucketAlreadyExists", 409},
    Known{"BucketAlreadyOwnedByYou", 409},
    Known{"BucketNotEmpty", 409},
    Known{"EntityTooLarge", 400},
    Known{"EntityTooSmall", 400},
    Known{"ExpiredToken", 400},
    Known{"IncompleteBody", 400},
    Known{"InsufficientStorage", 507},
    Known{"InternalError", 500},
    Known{"InvalidAccessKeyId", 403},
    Known{"InvalidArgument", 400},
    Known{"InvalidBucketName", 400},
    Known{"InvalidBucketState", 409},
    Known{"InvalidDigest", 400},
    Known{"InvalidLocationConstraint", 400},
    Known{"InvalidPart", 400},
    Known{"InvalidPartOrder", 400},
    Known{"InvalidRange", 416},
    Known{"InvalidRequest", 400},
    Known{"InvalidTag", 400},
    Known{"InvalidURI", 400},
    Known{"KeyTooLongError", 400},
    Known{"MalformedPolicy", 400},
    Known{"MalformedXML", 400},
    Known{"MetadataTooLarge", 400},
    Known{"MethodNotAllowed", 405},
    Known{"MissingContentLength", 411},
    Known{"NoSuchBucket", 404},
    Known{"NoSuchBucketPolicy", 404},
    Known{"NoSuchCORSConfiguration", 404},
    Known{"NoSuchKey", 404},
    Known{"NoSuchLifecycleConfiguration", 404},
    Known{"NoSuchObjectLockConfiguration", 404},
    Known{"NoSuchTagSet", 404},
    Known{"NoSuchUpload", 404},
    Known{"NoSuchVersion", 404},
    Known{"NotImplemented", 501},
    Known{"ObjectLockConfigurationNotFoundError", 404},
    Known{"OperationAborted", 409},
    Known{"PreconditionFailed", 412},
    Known{"QuotaExceeded", 403},
    Known{"RequestTimeTooSkewed", 403},
    Known{"ServerSideEncryptionConfigurationNotFoundError", 404},
    Known{"ServiceUnavailable", 503},
    Known{"SignatureDoesNotMatch", 403},
    Known{"SlowDown", 503},
    Known{"SpendCapReached", 403},
    Known{"TooManyBuckets", 400},
    Known{"XAmzContentSHA256Mismatch", 400},
};

}  // namespace

int status_of(std::string_view code) {
  const auto found = std::ranges::find(known, code, &Known::code);
  return found == known.end() ? 500 : found->status;
}

std::string error_xml(const Fault& fault, std::string_view resource, std::string_view request_id) {
  XmlWriter xml;
  xml.open("Error");
  xml.leaf("Code", fault.code);
  xml.leaf("Message", fault.message);
  xml.leaf("Resource", resource);
  xml.leaf("RequestId", request_id);
  xml.close();
  return xml.text();
}

}  // namespace barrio::api::s3
