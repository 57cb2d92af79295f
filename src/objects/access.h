#pragma once
// What a request does, in the words of bucket policies. Pure.

#include "objects/s3_call.h"

namespace barrio::objects {

/// "s3:GetObject"; empty: only the bucket's tenant may do it, whatever a policy says, so that nobody locks themselves
/// out.
std::string action_of(const S3Call& call);

}  // namespace barrio::objects
