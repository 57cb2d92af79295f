#include "base/json_schema.h"

#include <doctest/doctest.h>

namespace barrio::json_schema_test {

enum class Colour { red, green };
BARRIO_DESCRIBE_ENUM(Colour, red, green)

struct Leaf {
  std::string name;
  std::optional<Duration> lasts;
  Colour colour = Colour::red;
  int64_t weight = 0;
  static constexpr std::string_view defaulted[] = {"weight"};
};
BARRIO_DESCRIBE(Leaf, (), (name, lasts, colour, weight))

struct Tree {
  Leaf first;
  std::vector<Leaf> others;
  std::map<std::string, double> figures;
  std::vector<Tree> below;
  WallTime planted;
  uint32_t height = 0;
};
BARRIO_DESCRIBE(Tree, (), (first, others, figures, below, planted, height))

namespace {

TEST_CASE("a struct's schema says what is wanted, what may be missing, and refers to the structs in it") {
  JsonSchemas schemas;
  const std::string tree = "json_schema_test.Tree";
  CHECK(print_json(schemas.of<Tree>()) == R"({"$ref":"#/components/schemas/)" + tree + "\"}");
  const JsonObject named = schemas.named();
  CHECK(named.size() == 2);
  CHECK(print_json(named.at("json_schema_test.Leaf")) ==
        R"({"type":"object","properties":{"name":{"type":"string"},)"
        R"("lasts":{"type":"string","examples":["250ms","30s"]},"colour":{"type":"string","enum":["red","green"]},)"
        R"("weight":{"type":"integer"}},"additionalProperties":false,"required":["name","colour"]})");
  const JsonObject& object = named.at(tree).as_object();
  CHECK(print_json(object.at("required")) == R"(["first","planted","height"])");
  const JsonObject& properties = object.at("properties").as_object();
  CHECK(print_json(properties.at("below")) ==
        R"({"type":"array","items":{"$ref":"#/components/schemas/)" + tree + "\"}}");
  CHECK(print_json(properties.at("figures")) == R"({"type":"object","additionalProperties":{"type":"number"}})");
  CHECK(print_json(properties.at("planted")) == R"({"type":"string","format":"date-time"})");
  CHECK(print_json(properties.at("height")) == R"({"type":"integer","minimum":0})");
}

}  // namespace
}  // namespace barrio::json_schema_test
