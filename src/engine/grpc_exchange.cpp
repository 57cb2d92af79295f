#include "engine/grpc_exchange.h"

#include <fmt/format.h>

#include <vector>

namespace barrio::engine {

namespace {

const net::Header type_field{"Content-Type", "application/grpc"};
const net::Header encodings_field{"Grpc-Accept-Encoding", "identity"};

}  // namespace

GrpcFailure grpc_failure(const Error& error) {
  return {.status = api::grpc_status_of(error.code), .what = error.text()};
}

Result<void> GrpcExchange::check_head() const {
  if (head().method != "POST") return barrio::fail(Code::unsupported, "a call is a POST");
  const auto encoding = net::find_header(head().headers, "grpc-encoding");
  if (encoding && *encoding != "identity") {
    return barrio::fail(Code::unsupported, "messages compressed by " + std::string(*encoding) + " are not taken");
  }
  return {};
}

void GrpcExchange::begin(std::span<const net::Header> headers) {
  if (over_ || begun_) return;
  begun_ = true;
  std::vector<net::Header> fields = {type_field, encodings_field};
  fields.insert(fields.end(), headers.begin(), headers.end());
  exchange_.begin(200, fields, std::nullopt);
}

bool GrpcExchange::send(std::string frame) {
  if (over_) return true;
  api::set_grpc_prefix(frame);
  return exchange_.write(frame);
}

void GrpcExchange::finish() {
  if (over_) return;
  over_ = true;
  const net::Header status{"Grpc-Status", "0"};
  exchange_.end({&status, 1});
}

void GrpcExchange::answer(std::string frame, std::span<const net::Header> headers) {
  begin(headers);
  send(std::move(frame));
  finish();
}

void GrpcExchange::fail(const GrpcFailure& failure) {
  if (over_) return;
  over_ = true;
  const std::string message = api::grpc_message(failure.what);
  const auto in_ms = [](Duration duration) { return fmt::format("{:.0f}", std::max(1.0, to_ms(duration))); };
  const std::string pushback = in_ms(failure.retry_after);
  const std::string earliest = in_ms(failure.earliest.value_or(Duration::zero()));
  std::vector<net::Header> fields = {{"Grpc-Status", api::grpc_status_text(failure.status)}, {"Grpc-Message", message}};
  if (failure.retry_after > Duration::zero()) fields.push_back({"Grpc-Retry-Pushback-Ms", pushback});
  if (failure.earliest) fields.push_back({"Barrio-Earliest-Ms", earliest});
  if (begun_) return exchange_.end(fields);
  fields.insert(fields.begin(), {type_field, encodings_field});
  exchange_.reply(200, fields, "");
}

}  // namespace barrio::engine
