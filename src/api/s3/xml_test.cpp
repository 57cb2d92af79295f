#include "api/s3/xml.h"

#include <doctest/doctest.h>

namespace barrio::api::s3::xml_test {

TEST_CASE("elements, text, references, prefixes and comments are read") {
  const auto root = read_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a note -->\n<s3:Delete xmlns:s3='http://s3/'>\n"
      "  <Object><Key>a &amp; b &#x41;&#241; &lt;</Key></Object><!-- another -->\n  <Quiet/>\n</s3:Delete>\n");
  REQUIRE(root);
  CHECK(root->name == "Delete");
  CHECK(root->text.empty());
  REQUIRE(root->children.size() == 2);
  CHECK(root->children[0].text_of("Key") == "a & b A\xc3\xb1 <");
  CHECK(root->find("Quiet") != nullptr);
  CHECK(root->find("Loud") == nullptr);
}

TEST_CASE("what is not well formed, or may be meant to do harm, is refused") {
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "<a>";
  for (int i = 0; i < 9; ++i) deep += "</a>";
  std::string many = "<a>";
  for (size_t i = 0; i < most_xml_elements; ++i) many += "<b/>";
  many += "</a>";
  for (const std::string& bad :
       {std::string(), std::string("text"), std::string("<a>"), std::string("<a></b>"), std::string("<a></a><b/>"),
        std::string("<a>&unknown;</a>"), std::string("<a>&#0;</a>"), std::string("<a>&#xd800;</a>"),
        std::string("<a>&#x110000;</a>"), std::string("<a b=c/>"), std::string("<a b=\"c/>"), std::string("< a/>"),
        std::string("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), std::string("<a><![CDATA[x]]></a>"),
        std::string("<a><?php ?></a>"), std::string("<a>\x01</a>"), std::string("<a>\xff</a>"), deep, many}) {
    CHECK_MESSAGE(!read_xml(bad), bad.substr(0, 60));
  }
}

TEST_CASE("what is written is read again as it was") {
  XmlWriter xml;
  xml.open_root("Answer");
  xml.leaf("Text", "<a href=\"x\">&amp; \r\n\t ñ");
  xml.leaf("Number", 7);
  xml.flag("Yes", true);
  xml.close();
  const auto root = read_xml(xml.text());
  REQUIRE(root);
  CHECK(root->text_of("Text") == "<a href=\"x\">&amp; \r\n\t ñ");
  CHECK(root->text_of("Number") == "7");
  CHECK(root->text_of("Yes") == "true");
}

}  // namespace barrio::api::s3::xml_test
