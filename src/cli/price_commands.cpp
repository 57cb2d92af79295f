#include "cli/actions.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/view.h"
#include "model/prices.h"

namespace barrio::cli {

Result<void> set_prices(Session& session, const PriceSetCommand& command) {
  TRY(const auto list, read_yaml<PriceList>(command.file));
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto answer, control.put("/prices", to_json(list)));
  session.print(answer, "prices from " + text_at(answer, "from") + " on set\n");
  return {};
}

Result<void> list_prices(Session& session) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto answer, control.get("/prices"));
  Table table({"FROM", "OF", "PRICE"});
  for (const Json& list : items(answer, "lists")) {
    const auto* prices = member(list, "prices").if_object();
    if (prices == nullptr) continue;
    for (const auto& [of, price] : *prices) table.add({text_at(list, "from"), std::string(of), text_at(price, "")});
  }
  session.print(answer, table.text());
  return {};
}

}  // namespace barrio::cli
