#include "net/http1_body.h"

#include <algorithm>

#include "net/fields.h"
#include "net/http1_parser.h"

namespace barrio::net::http1 {

namespace {

/// Extensions mean nothing here and trailers are short, so a peer that sends more of them than this means harm.
constexpr uint32_t most_overhead = most_trailer_bytes;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void BodyReader::reset(Framing framing, uint64_t length) {
  framing_ = framing;
  state_ = State::size_first;
  left_ = framing == Framing::length ? length : 0;
  digits_ = 0;
  overhead_ = 0;
  trailer_text_.clear();
  fields_.clear();
  trailers_.clear();
  failure_ = nullptr;
  done_ = framing == Framing::none || (framing == Framing::length && length == 0);
}

BodyReader::Step BodyReader::step(std::string_view input) {
  if (done_ || failure_ != nullptr || input.empty()) return {};
  if (framing_ == Framing::until_close) return {input.size(), input};
  if (framing_ == Framing::length) return step_data(input);
  size_t used = 0;
  while (used < input.size() && !done_ && failure_ == nullptr) {
    if (state_ == State::data) {
      const Step data = step_data(input.substr(used));
      return {used + data.consumed, data.piece};
    }
    take(input[used++]);
  }
  return {used, {}};
}

BodyReader::Step BodyReader::step_data(std::string_view input) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
  left_ -= size;
  if (left_ == 0) {
    if (framing_ == Framing::length) done_ = true;
    state_ = State::data_cr;
  }
  return {size, input.substr(0, size)};
}

void BodyReader::expect(char c, char wanted, State next) {
  if (c == wanted)
    state_ = next;
  else
    failure_ = "bad end of a chunk";
}

void BodyReader::take(char c) {
  switch (state_) {
    case State::size_first:
    case State::size: return take_size(c);
    case State::extension:
      if (c == '\r')
        state_ = State::size_lf;
      else if (++overhead_ > most_overhead)
        failure_ = "chunk extensions are too long";
      else if (!is_field_value({&c, 1}))
        failure_ = "control character in a chunk extension";
      return;
    case State::size_lf: expect(c, '\n', State::data); return size_complete();
    case State::data: return;
    case State::data_cr: return expect(c, '\r', State::data_lf);
    case State::data_lf: return expect(c, '\n', State::size_first);
    case State::line:
    case State::trailer:
    case State::trailer_lf: return take_trailer(c);
    case State::end_lf:
      expect(c, '\n', State::end_lf);
      done_ = failure_ == nullptr;
      if (done_) finish_trailers();
      return;
  }
}

void BodyReader::take_size(char c) {
  const int digit = hex_digit(c);
  if (digit >= 0) {
    // 15 digits: below 2^60, so nothing that adds lengths can overflow.
    if (state_ == State::size_first) left_ = 0, digits_ = 0;
    state_ = State::size;
    if (++digits_ > 15) failure_ = "chunk size is too big";
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    return;
  }
  const bool has_digits = state_ == State::size;
  if (has_digits && c == '\r')
    state_ = State::size_lf;
  else if (has_digits && c == ';')
    state_ = State::extension;
  else
    failure_ = "bad chunk size";
}

void BodyReader::size_complete() {
  if (failure_ == nullptr && left_ == 0) state_ = State::line;
}

void BodyReader::take_trailer(char c) {
  if (++overhead_ > most_overhead) {
    failure_ = "trailer fields are too long";
  } else if (state_ == State::trailer_lf) {
    expect(c, '\n', State::line);
  } else if (state_ == State::line) {
    if (c == '\r')
      state_ = State::end_lf;
    else
      start_trailer(c);
  } else if (c == '\r' && !in_name_) {
    fields_.back().end = trailer_text_.size();
    state_ = State::trailer_lf;
  } else if (in_name_ && c == ':') {
    in_name_ = false;
    fields_.back().name_size = trailer_text_.size() - fields_.back().begin;
  } else if (in_name_ ? is_token({&c, 1}) : is_field_value({&c, 1})) {
    trailer_text_ += c;
  } else {
    failure_ = in_name_ ? "bad trailer field" : "control character in a trailer field";
  }
}

void BodyReader::start_trailer(char c) {
  state_ = State::trailer;
  in_name_ = true;
  if (!is_token({&c, 1})) failure_ = "bad trailer field";
  fields_.push_back({trailer_text_.size(), 0, 0});
  trailer_text_ += c;
}

void BodyReader::finish_trailers() {
  const std::string_view text = trailer_text_;
  for (const Field& field : fields_) {
    const size_t value = field.begin + field.name_size;
    const std::string_view name = text.substr(field.begin, field.name_size);
    if (may_be_trailer(name)) trailers_.push_back({name, trim_blanks(text.substr(value, field.end - value))});
  }
}

}  // namespace barrio::net::http1
