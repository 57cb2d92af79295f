#pragma once
// What a model process and its owner say to each other, as bytes: a head of names, shapes and sizes, and behind it the
// bytes of the tensors, in the order of the head. Scalars are in the machine's own order: both sides are one program.
//
// The owner reads what a process under a stranger's control wrote: its unpack functions take a head that is already
// their own copy, believe no number in it, and copy tensors before they look at them. No memory is shared here.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.h"
#include "ports/inference_backend.h"

namespace barrio::adapters {

/// To be laid down one after the other. The views are into what was packed.
struct Message {
  std::string head;
  std::vector<std::string_view> bodies = {};
  size_t body_bytes() const;
};

/// The first word of the owner, with the model file's descriptor beside it.
struct LoadOrder {
  ports::LoadSpec spec;  // without content
  Bytes memory{};        // what the model may take beyond the program and its libraries; zero: no limit
};
Message pack_load(const LoadOrder& order);
Result<LoadOrder> unpack_load(std::string_view head);

/// The answer to it where the model was loaded.
struct Loaded {
  ports::ModelInfo info;
  std::string unconfined;  // what of the confinement this kernel does not permit; empty: it is whole
};
Message pack_loaded(const Loaded& loaded);
/// Hostile. Errors: invalid.
Result<Loaded> unpack_loaded(std::string_view head);

/// The answer to a load that failed.
Message pack_error(const Error& error);
/// Hostile; an error that cannot be read is one, too.
Error unpack_error(std::string_view head);

Message pack_requests(std::span<const ports::InferenceRequest* const> batch);
Result<std::vector<ports::InferenceRequest>> unpack_requests(std::string_view head, std::string_view bodies);

using Answers = std::vector<Result<ports::Outputs>>;
Message pack_answers(const Answers& answers);
Message pack_answers(Answers&& answers) = delete;  // the message would point into what is gone
/// Hostile: exactly `count` answers; outputs are some of the model's, each once, of the type it declared and of the
/// size that their shape asks for. Errors: invalid.
Result<Answers> unpack_answers(std::string_view head, std::string_view bodies, size_t count,
                               const ports::ModelInfo& info);

}  // namespace barrio::adapters
