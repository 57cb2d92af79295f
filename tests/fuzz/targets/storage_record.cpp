// Records of a storage's journal, as they may stand on a damaged disk.

#include "adapters/sealed_store/record.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  namespace sealed = adapters::sealed_store;
  const std::string key(32, 'k');
  const auto head = sealed::read_record_head(input);
  if (head)
    static_cast<void>(sealed::open_record(input.substr(0, sealed::record_header_bytes + head->sealed_bytes), key));
  static_cast<void>(sealed::open_record(input, key));
  // What is written of the input is read again.
  sealed::RecordBody body;
  body.meta.key = "k";
  body.inlined = static_cast<int64_t>(input.size());
  const std::string record = sealed::encode_record(sealed::RecordKind::put, 1, std::string(32, 'a'), key, body, input);
  CHECK(sealed::read_record_head(record).has_value());
  const auto opened = sealed::open_record(record, key);
  CHECK(opened && opened->content == input);
}

}  // namespace barrio::fuzz
