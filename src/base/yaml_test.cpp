#include <doctest/doctest.h>

#include "base/yaml.h"

namespace barrio::yaml_test {

namespace {

struct Door {
  std::string colour;
  int width = 0;
};
BARRIO_DESCRIBE(Door, (), (colour, width))

struct House {
  std::string name;
  std::vector<Door> doors;
};
BARRIO_DESCRIBE(House, (), (name, doors))

std::string json(const std::string& text) {
  const auto document = parse_yaml(text, "f.yaml");
  return document ? print_json(document->value) : document.error().text();
}

std::string error(const std::string& text) {
  const auto house = from_yaml<House>(text, "house.yaml");
  return house ? "no error" : house.error().text();
}

}  // namespace

TEST_CASE("plain scalars are typed, quoted ones are text") {
  CHECK(json("a: 1\nb: -2\nc: 1.5\nd: true\ne: ~\nf: '1'\ng: \"true\"\nh: 250ms\ni: no\n") ==
        R"({"a":1,"b":-2,"c":1.5,"d":true,"e":null,"f":"1","g":"true","h":"250ms","i":"no"})");
}

TEST_CASE("what only looks like a number is text") {
  CHECK(json("[1.2.3, 1e, +, -, ., 10.0.0.1, 2026-11-24, 0x10, '']") ==
        R"(["1.2.3","1e","+","-",".","10.0.0.1","2026-11-24","0x10",""])");
  CHECK(json("a: [5e-1, -1.5, 99999999999999999999]") == R"({"a":[0.5,-1.5,1e+20]})");
}

TEST_CASE("an error names file, line and path") {
  const std::string text = "name: x\ndoors:\n  - colour: red\n    width: 3\n  - colour: blue\n    width: wide\n";
  CHECK(error(text) == "house.yaml:6: doors[1].width: must be a whole number, but is text");
  CHECK(error("name: x\ndoors:\n  - colour: red\n  - colour: blue\n    width: 1\n") ==
        "house.yaml:3: doors[0]: 'width' is missing");
  CHECK(error("name: x\n\n# note\nwindows: 3\n").starts_with("house.yaml:4: windows: unknown key 'windows'"));
  CHECK(error("doors: []\n") == "house.yaml:1: 'name' is missing");
  CHECK(error("") == "house.yaml: must hold exactly one YAML document");
  CHECK(error("~") == "house.yaml:1: must be an object, but is nothing");
}

TEST_CASE("broken YAML is refused with its line") {
  CHECK(json("a: 1\nb: [1, 2\n").starts_with("f.yaml:"));
  CHECK(json("a: 1\na: 2\n") == "f.yaml:2: a: key 'a' stands twice");
  CHECK(json("a: 1\n---\nb: 2\n") == "f.yaml: must hold exactly one YAML document");
  CHECK(json("? [1]\n: 2\n").find("keys must be plain text") != std::string::npos);
  CHECK(json("a: \"\\q\"\n").starts_with("f.yaml:1: not YAML"));
  CHECK(json("a:\n\t- 1\n").starts_with("f.yaml:"));
}

TEST_CASE("text in which the YAML parser finds documents without end is refused") {
  CHECK(json(", a: 50}\nname: a\n") == "f.yaml: must hold exactly one YAML document");
}

TEST_CASE("what is not UTF-8 is refused, as JSON could not carry it on") {
  CHECK(json("name: \"\xd4x\"\n") == "f.yaml: is not UTF-8 text");
  CHECK(json("name: \"\xc3\xb3\"\n") == "{\"name\":\"\xc3\xb3\"}");
}

TEST_CASE("anchors, aliases and deep nesting cannot blow a file up") {
  for (const char* text :
       {"a: &x [1]\nb: *x\n", "- &x 1\n- *x\n", "a: {b: &x 1, c: *x}\n", "[&x 1, *x]\n", "? &x a\n: 1\n", "&x a: 1\n",
        "a:   &x 1\n", "a:\n  &x\n  b: 1\n", "- - &x 1\n", "{a: 1,b: *x}", "<<: {a: *x}"}) {
    const auto document = parse_yaml(text, "f.yaml");
    CHECK_MESSAGE(!document, text);
  }
  CHECK(json("a: 1\nb: {c: &x 1}\n") == "f.yaml:2: anchors and aliases (& and *) are not allowed");
  CHECK_FALSE(parse_yaml(std::string(100, '[') + std::string(100, ']'), "f.yaml"));
  CHECK_FALSE(parse_yaml(std::string(100000, '['), "f.yaml"));
}

TEST_CASE("an ampersand or star inside text is text") {
  CHECK(json("a: R&D\nb: 'x & y'\nc: 2*3\nd: \"*bold*\"  # see *x\n") ==
        R"({"a":"R&D","b":"x & y","c":"2*3","d":"*bold*"})");
  CHECK(json("a: \"one, *two\"\nb: 'it, &so'\n") == R"({"a":"one, *two","b":"it, &so"})");
}

}  // namespace barrio::yaml_test
