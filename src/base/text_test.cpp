#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/id.h"
#include "base/quantity.h"
#include "base/text.h"
#include "base/time.h"

namespace barrio::text_test {

TEST_CASE("milliseconds as text, rounded to microseconds, never negative") {
  const auto text = [](Duration duration) {
    std::string out = "t=";
    append_ms(out, duration);
    return out;
  };
  CHECK(text(Duration(0)) == "t=0.000");
  CHECK(text(12345678ns) == "t=12.346");
  CHECK(text(1007ms) == "t=1007.000");
  CHECK(text(1499ns) == "t=0.001");
  CHECK(text(-5ms) == "t=0.000");
}

TEST_CASE("durations, sizes and powers are read with their unit") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("4.9us") == 4900ns);
  CHECK(parse_duration("2 m") == 120s);
  CHECK(parse_bytes("512MiB") == mib(512));
  CHECK(parse_bytes("100kB") == Bytes(100'000));
  CHECK(parse_bytes("0B") == Bytes(0));
  CHECK(parse_watts("1.5MW") == Watts(1'500'000));
  CHECK(parse_watts("2 kW") == Watts(2000));
}

TEST_CASE("amounts without unit, negative, too large or garbled are refused") {
  for (const char* text :
       {"", "5", "ms", "-5ms", "5 parsecs", "1..5ms", "5msx", "5m s", "1e3ms", ".ms", "99999999999h"}) {
    CHECK_MESSAGE(!parse_duration(text), text);
  }
  CHECK_FALSE(parse_bytes("5mib"));
  CHECK_FALSE(parse_watts("inf W"));
  CHECK(parse_watts("75").error().what == "'75' must be a number with a unit, like 75W");
}

TEST_CASE("whatever is printed is read back exactly") {
  CHECK(rc::check([](int64_t any) {
    const int64_t count = any & (int64_t{-1} ^ (int64_t{-1} << *rc::gen::inRange(1, 62)));
    RC_ASSERT(parse_duration(to_string(Duration(count))) == Duration(count));
    RC_ASSERT(parse_bytes(to_string(Bytes(count))) == Bytes(count));
    RC_ASSERT(parse_watts(to_string(Watts(count))) == Watts(count));
  }));
  CHECK(to_string(Duration(90s)) == "90s");
  CHECK(to_string(gib(3)) == "3GiB");
  CHECK(to_string(Bytes(0)) == "0B");
  CHECK(to_string(Duration(9007199254740993)) == "9007199254740993ns");
  CHECK(parse_duration("9007199254740993ns") == Duration(9007199254740993));
}

TEST_CASE("wall time is RFC 3339 in UTC") {
  CHECK(to_string(WallTime(std::chrono::milliseconds(1795514400123))) == "2026-11-24T10:00:00.123Z");
  CHECK(to_string(WallTime(0ms)) == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("times are read back as they are written; a day is its first instant; anything else is refused") {
  const WallTime time(std::chrono::milliseconds(1795514400123));
  CHECK(*parse_wall_time(to_string(time)) == time);
  CHECK(*parse_wall_time("2026-11-24T10:00:00Z") == time - 123ms);
  CHECK(*parse_wall_time("2026-11-24") == time - 123ms - 10h);
  CHECK(*parse_wall_time("2026-11-24T10:00:00.123999Z") == time);
  CHECK(*parse_wall_time("2026-11-24T10:00:00.123456789Z") == time);
  for (const char* bad : {"", "2026-11-24T10:00Z", "2026-02-30", "2026-11-24T24:00:00Z", "2026-11-24T10:00:00",
                          "2026-11-24T10:00:00+01:00", "2026-11-24T10:00:00.1Z", "2026-11-24T10:00:00.1234567890Z",
                          "2026-11-24 ", "x026-11-24"}) {
    CHECK_FALSE(parse_wall_time(bad).has_value());
  }
}

TEST_CASE("base64url agrees with RFC 4648 and reads back every text") {
  CHECK(base64url("") == "");
  CHECK(base64url("f") == "Zg");
  CHECK(base64url("fo") == "Zm8");
  CHECK(base64url("foob") == "Zm9vYg");
  CHECK(base64url("\xfb\xff") == "-_8");
  CHECK(rc::check([](const std::string& bytes) { RC_ASSERT(from_base64url(base64url(bytes)) == bytes); }));
}

TEST_CASE("two base64url texts never mean the same bytes") {
  for (const char* text : {"Zh", "Zm9=", "Zg==", "A", "Zm8 ", "Zm+v", "Zm/v"})
    CHECK_MESSAGE(!from_base64url(text), text);
}

TEST_CASE("a label is 1-63 of a-z, 0-9 and dash, not at its ends") {
  for (const char* good : {"a", "0", "street-video", "a--b"}) CHECK_MESSAGE(check_label(good), good);
  for (const char* bad : {"", "-a", "a-", "A", "a_b", "a.b", "á", "a b", "a\n"}) CHECK_MESSAGE(!check_label(bad), bad);
  CHECK(check_label(std::string(63, 'a')));
  CHECK_FALSE(check_label(std::string(64, 'a')));
  CHECK_FALSE(check_label(std::string_view("a\0b", 3)));
}

TEST_CASE("numbers are whole texts") {
  CHECK(parse_uint("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x1", "18446744073709551616"}) CHECK_FALSE(parse_uint(bad));
  CHECK(parse_double("1e3") == 1000);
  for (const char* bad : {"", "1.5x", "nan", "inf"}) CHECK_MESSAGE(!parse_double(bad), bad);
}

TEST_CASE("the nearest word is named only when it is a likely slip") {
  const std::vector<std::string_view> known = {"latency", "percentile", "power"};
  CHECK(nearest("latancy", known) == "latency");
  CHECK(nearest("powr", known) == "power");
  CHECK_FALSE(nearest("colour", known));
  CHECK_FALSE(nearest("x", std::span<const std::string_view>()));
}

TEST_CASE("a beginning is found in any case of the text's letters, and in nothing else") {
  for (const std::string_view text : {"application/grpc", "Application/gRPC+proto", "APPLICATION/GRPC"}) {
    CHECK(starts_with_small(text, "application/grpc"));
  }
  for (const std::string_view text :
       {"application/gr", "application/grpd", "application\x0fgrpc", "\xe1pplication/grpc", ""}) {
    CHECK_FALSE(starts_with_small(text, "application/grpc"));
  }
  CHECK(starts_with_small("", ""));
  CHECK(starts_with_small("Bearer x", "bearer "));
  CHECK_FALSE(starts_with_small("Bearer", "bearer "));
}

TEST_CASE("splitting keeps empty parts, joining keeps empty items, trimming keeps the middle") {
  CHECK(split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(join_text(std::vector<std::string>{"", "a", ""}, ",") == ",a,");
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim("  ") == "");
  CHECK(to_lower("ÁBC-Z") == "Ábc-z");
  const unsigned char bytes[] = {0x00, 0xab, 0xff};
  CHECK(to_hex(bytes) == "00abff");
}

TEST_CASE("a stranger's words are made fit for a log and for JSON") {
  CHECK(harmless("a\nb\x1b[2J\xc3\xa9", 100) == "a?b?[2J??");
  CHECK(harmless("abcdef", 3) == "abc");
}

}  // namespace barrio::text_test
