// The tables behind Jurisdiction: ISO 3166-1 alpha-2 complete; ISO 3166-2 for the countries that Barrio has partners
// in.

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "model/place.h"

namespace barrio {

namespace {

constexpr std::string_view countries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

// Spain: autonomous communities, Ceuta and Melilla. Germany: states. Italy and metropolitan France: regions.
// Hungary: counties and Budapest. Portugal: districts and autonomous regions.
constexpr std::string_view subdivisions =
    "ES-AN ES-AR ES-AS ES-CB ES-CE ES-CL ES-CM ES-CN ES-CT ES-EX ES-GA ES-IB ES-MC ES-MD ES-ML ES-NC ES-PV ES-RI "
    "ES-VC "
    "DE-BB DE-BE DE-BW DE-BY DE-HB DE-HE DE-HH DE-MV DE-NI DE-NW DE-RP DE-SH DE-SL DE-SN DE-ST DE-TH "
    "IT-21 IT-23 IT-25 IT-32 IT-34 IT-36 IT-42 IT-45 IT-52 IT-55 IT-57 IT-62 IT-65 IT-67 IT-72 IT-75 IT-77 IT-78 "
    "IT-82 IT-88 "
    "FR-20R FR-ARA FR-BFC FR-BRE FR-CVL FR-GES FR-HDF FR-IDF FR-NAQ FR-NOR FR-OCC FR-PAC FR-PDL "
    "HU-BA HU-BE HU-BK HU-BU HU-BZ HU-CS HU-FE HU-GS HU-HB HU-HE HU-JN HU-KE HU-NO HU-PE HU-SO HU-SZ HU-TO HU-VA "
    "HU-VE HU-ZA "
    "PT-01 PT-02 PT-03 PT-04 PT-05 PT-06 PT-07 PT-08 PT-09 PT-10 PT-11 PT-12 PT-13 PT-14 PT-15 PT-16 PT-17 PT-18 "
    "PT-20 PT-30";

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

bool is_known(std::string_view code) {
  const auto table = split(code.size() == 2 ? countries : subdivisions, ' ');
  return std::find(table.begin(), table.end(), code) != table.end();
}

std::vector<std::string_view> subdivisions_of(std::string_view country) {
  auto found = split(subdivisions, ' ');
  std::erase_if(found, [&](std::string_view code) { return code.substr(0, 2) != country; });
  return found;
}

/// ", did you mean ...": the nearest known code, or what is known of that country.
std::string suggestion(const std::string& upper) {
  if (is_known(upper)) return ", did you mean '" + upper + "'?";
  const std::string country = upper.substr(0, 2);
  const bool asks_subdivision = upper.size() > 2 && upper[2] == '-' && is_known(country);
  if (!asks_subdivision) {
    const auto near = nearest(upper, split(countries, ' '));
    return near ? ", did you mean '" + std::string(*near) + "'?" : "";
  }
  const auto table = subdivisions_of(country);
  if (table.empty()) return ", no subdivisions of " + country + " are known, did you mean '" + country + "'?";
  const auto near = nearest(upper, table);
  return near ? ", did you mean '" + std::string(*near) + "'?" : ", known are " + join_text(table, ", ");
}

}  // namespace

Result<Jurisdiction> Jurisdiction::parse(std::string_view code) {
  if (!is_known(code)) {
    const std::string shown(code.substr(0, 16));
    return fail(Code::invalid, "'" + shown + "' is no known ISO 3166 code" + suggestion(to_upper(shown)));
  }
  Jurisdiction made;
  made.code_ = std::string(code);
  return made;
}

bool Jurisdiction::contains(const Jurisdiction& inner) const {
  if (code_.empty() || inner.code_.empty()) return false;
  return code_ == inner.code_ || (code_.size() == 2 && code_ == inner.country());
}

}  // namespace barrio
