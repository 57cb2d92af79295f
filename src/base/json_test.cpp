#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "base/id.h"
#include "base/json.h"

namespace barrio::json_test {

namespace {

enum class Colour { red, green };
BARRIO_DESCRIBE_ENUM(Colour, red, green)

using WheelId = Id<struct WheelTag>;

struct Wheel {
  WheelId id;
  int spokes = 0;
  Duration turn;
  double grip = 1;
  WheelId spare;  // empty: none
  static constexpr std::string_view defaulted[] = {"grip", "spare"};
  Result<void> check() const {
    if (spokes == 13) return fail(Code::invalid, "brings bad luck", "spokes");
    return {};
  }
};
BARRIO_DESCRIBE(Wheel, (), (id, spokes, turn, grip, spare))

struct Cart {
  std::string name;
  Colour colour = Colour::red;
  std::vector<Wheel> wheels;
  std::optional<Bytes> load;
  std::map<std::string, Watts> motors;
  bool open = false;
  uint8_t seats = 0;
  static constexpr std::string_view defaulted[] = {"open", "seats"};
};
BARRIO_DESCRIBE(Cart, (), (name, colour, wheels, load, motors, open, seats))

Result<Cart> read(const std::string& text) {
  TRY(auto json, parse_json(text));
  return from_json<Cart>(json);
}

std::string error(const std::string& text) {
  const auto cart = read(text);
  return cart ? "no error" : cart.error().text();
}

}  // namespace

TEST_CASE("a struct survives the way to JSON and back") {
  const std::string text =
      R"({"name":"a","colour":"green","wheels":[{"id":"w1","spokes":8,"turn":"250ms","grip":0.5,"spare":"w2"}],)"
      R"("load":"3GiB","motors":{"front":"75W"},"open":true,"seats":4})";
  const auto cart = read(text);
  REQUIRE_MESSAGE(cart, cart.error().text());
  CHECK(cart->colour == Colour::green);
  CHECK(cart->wheels[0].turn == 250ms);
  CHECK(cart->wheels[0].spare.str() == "w2");
  CHECK(cart->load == gib(3));
  CHECK(cart->motors.at("front") == Watts(75));
  CHECK(print_json(to_json(*cart)) == text);
}

TEST_CASE("optionals, lists, maps and defaulted fields may be missing, everything else may not") {
  const auto cart = read(R"({"name":"a","colour":"red"})");
  REQUIRE_MESSAGE(cart, cart.error().text());
  CHECK_FALSE(cart->load);
  CHECK(print_json(to_json(*cart)) == R"({"name":"a","colour":"red","wheels":[],"motors":{},"open":false,"seats":0})");
  CHECK(read(R"({"name":"a","colour":"red","load":null})"));
  CHECK(error(R"({"name":"a"})") == "'colour' is missing");
  CHECK(error(R"({"name":"a","colour":"red","wheels":[{"id":"w1","spokes":1}]})") == "wheels[0]: 'turn' is missing");
}

TEST_CASE("what is read replaces what was there") {
  Cart cart{.name = "old", .wheels = {{}, {}}, .load = gib(1), .motors = {{"front", Watts(1)}}, .open = true};
  const auto text = parse_json(R"({"name":"new","colour":"red","wheels":[],"motors":{"front":"75W"}})");
  REQUIRE(json_detail::read(*text, "", cart));
  CHECK(print_json(to_json(cart)) ==
        R"({"name":"new","colour":"red","wheels":[],"motors":{"front":"75W"},"open":false,"seats":0})");
  std::vector<int> list{1, 2};
  REQUIRE(json_detail::read(Json(JsonArray{3}), "", list));
  CHECK(list == std::vector{3});
}

TEST_CASE("an empty id is read only where none is allowed") {
  const std::string head = R"({"name":"a","colour":"red","wheels":[{"spokes":1,"turn":"1s",)";
  CHECK(read(head + R"("id":"w1","spare":""}]})"));
  CHECK(error(head + R"("id":""}]})").starts_with("wheels[0].id: '' must be 1-63 characters"));
}

TEST_CASE("an unknown key suggests the nearest known one, or lists all") {
  CHECK(error(R"({"name":"a","color":"red"})") == "color: unknown key 'color', did you mean 'colour'?");
  CHECK(error(R"({"name":"a","colour":"red","zzzzzzzz":1})") ==
        "zzzzzzzz: unknown key 'zzzzzzzz', known are name, colour, wheels, load, motors, open, seats");
}

TEST_CASE("an error names the path of its field") {
  const auto wheel = [](const std::string& fields) {
    return error(R"({"name":"a","colour":"red","wheels":[{"id":"w1","spokes":1,"turn":"1s"},{)" + fields + "}]}");
  };
  CHECK(wheel(R"("id":"w 2","spokes":1,"turn":"1s")").starts_with("wheels[1].id: 'w 2' must be 1-63"));
  CHECK(wheel(R"("id":"w2","spokes":"many","turn":"1s")") == "wheels[1].spokes: must be a whole number, but is text");
  CHECK(wheel(R"("id":"w2","spokes":13,"turn":"1s")") == "wheels[1].spokes: brings bad luck");
  CHECK(wheel(R"("id":"w2","spokes":1,"turn":5)") == "wheels[1].turn: must be a duration like 250ms, but is a number");
  CHECK(error(R"({"name":"a","colour":"red","motors":{"front":"75"}})")
            .starts_with("motors.front: '75' must be a number with a unit"));
  CHECK(error(R"({"name":"a","colour":"blue"})") == "colour: 'blue' must be one of red, green");
  CHECK(error(R"([1])") == "must be an object, but is a list");
}

TEST_CASE("numbers outside their type's range are refused, not wrapped") {
  const auto seats = [](const std::string& number) {
    return error(R"({"name":"a","colour":"red","seats":)" + number + "}");
  };
  CHECK(seats("255") == "no error");
  CHECK(seats("256") == "seats: must be a whole number from 0 to 255");
  CHECK(seats("-1") == "seats: must be a whole number from 0 to 255");
  CHECK(seats("1.5") == "seats: must be a whole number from 0 to 255");
  CHECK(seats("18446744073709551615") == "seats: must be a whole number from 0 to 255");
  CHECK(seats("1e3") == "seats: must be a whole number from 0 to 255");
  CHECK(from_json<int64_t>(Json(int64_t{-1} << 62)) == int64_t{-1} << 62);
  CHECK_FALSE(from_json<int64_t>(Json(uint64_t{1} << 63)));
}

TEST_CASE("what is not strict JSON is refused with the place") {
  CHECK(parse_json(R"({"a":1} )"));
  CHECK(parse_json("{\"a\":1} x").error().what == "not JSON: unexpected text after the value, at byte 8");
  for (const char* text : {"", "{", "{'a':1}", "[1,]", "nul", "// x\n1", "{\"a\":1}{", "\"\xff\"", "01", "NaN"}) {
    CHECK_MESSAGE(!parse_json(text), text);
  }
  CHECK_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')));
  CHECK(parse_json(std::string(30, '[') + std::string(30, ']')));
}

TEST_CASE("a key that stands twice is refused, also when written differently") {
  for (const char* text : {R"({"a":1,"a":2})", R"([{"b":{"a":1,"\u0061":1}}])", R"({"a":":","a":"\":"})"}) {
    CHECK(parse_json(text).error().what == "not JSON: a key stands twice");
  }
  CHECK(parse_json(R"({"a:":":","b":[{"a":"\\"},{"a":"\":{"}],"c\":":{"c":{}}})"));
}

TEST_CASE("a number that no double holds is refused, not read as infinity") {
  CHECK_FALSE(parse_json("[1,1e3080]"));
  CHECK_FALSE(parse_json("{\"a\":-1e999}"));
  CHECK(parse_json("[1.7e308,1e-999]"));
}

TEST_CASE("numbers are printed as people write them, and are read as the same ones again") {
  CHECK(print_json(JsonArray{99.0, 40.40841, 0.5, -2.0, 1e-5, 0.1 + 0.2, 1e5, 123456789012345.0}) ==
        "[99.0,40.40841,0.5,-2.0,0.00001,0.30000000000000004,100000.0,123456789012345.0]");
  CHECK(print_json(JsonArray{1e20, 1.5e-7, 0.0, -0.0, 7, uint64_t{18446744073709551615u}}) ==
        "[1e+20,1.5e-07,0.0,-0.0,7,18446744073709551615]");
  // All magnitudes. Read by the standard library: Boost.JSON's reader is off by the last bit for one of three such.
  uint64_t bits = 0x3ff0000000000000;
  for (int i = 0; i < 20'000; ++i) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    const double number = std::bit_cast<double>(bits);
    if (!std::isfinite(number)) continue;
    const std::string text = print_json(Json(number));
    double back = 0;
    REQUIRE(std::from_chars(text.data(), text.data() + text.size(), back).ptr == text.data() + text.size());
    REQUIRE(std::bit_cast<uint64_t>(back) == bits);
    // Of what people measure, to the thousandth, it reads each.
    const double usual = static_cast<double>(bits >> 40) / (i % 2 == 0 ? 1 : 1000);
    REQUIRE(*parse_json(print_json(Json(usual))) == Json(usual));
  }
}

TEST_CASE("text is printed with what JSON escapes, also where it is long") {
  const std::string text = "a\"b\\c\n\x01ñ" + std::string(5000, 'x') + "\t";
  CHECK(print_json(JsonObject{{text, text}}) == boost::json::serialize(Json(JsonObject{{text, text}})));
}

TEST_CASE("pretty JSON is indented and means the same") {
  const auto json = *parse_json(R"({"a":[1,{"b":"x\ny"}],"c":{},"d":[]})");
  const std::string text = pretty_json(json);
  CHECK(text == "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\\ny\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
  CHECK(*parse_json(text) == json);
}

}  // namespace barrio::json_test
