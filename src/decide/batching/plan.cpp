#include "decide/batching/plan.h"

#include <algorithm>

namespace barrio::decide {

namespace {

bool broken(const Waiting& entry, const Plan::Ask& ask) {
  return entry.kept && entry.number >= ask.promised_from;
}

}  // namespace

/// Moves past what cannot be finished any more. False: nothing is left.
bool Plan::give_up_late(const Ask& ask, Time now, Outlook& outlook) {
  for (LaneView& view : views_) {
    const auto waiting = view.lane->waiting();
    const Time earliest = now + view.lane->profile().of(1);
    while (view.from < waiting.size() && waiting[view.from].deadline < earliest) {
      outlook.breaks_promise |= broken(waiting[view.from], ask);
      ++view.from;
    }
  }
  std::erase_if(views_, [](const LaneView& view) { return view.from >= view.lane->waiting().size(); });
  return !views_.empty();
}

void Plan::run(const Ask& ask, const Choice& choice, Time start, Outlook& outlook) {
  LaneView& view = views_[choice.view];
  const auto waiting = view.lane->waiting();
  const size_t first = view.from + choice.window.skip;
  for (size_t i = first; ask.work != 0 && i < first + choice.window.take; ++i) {
    if (waiting[i].number != ask.work) continue;
    outlook.finish = choice.end;
    outlook.start = start;
  }
  view.from = first + choice.window.take;
}

Outlook Plan::look(const Ask& ask) {
  views_.assign(ask.views.begin(), ask.views.end());
  slots_.assign(ask.slots.begin(), ask.slots.end());
  Outlook outlook;
  while (true) {
    const auto slot = std::ranges::min_element(slots_);
    const Time start = std::max(*slot, ask.now);
    if (!give_up_late(ask, start, outlook)) break;
    if (outlook.breaks_promise && ask.promises) break;
    *slot = Time::max();
    const Time next_slot = *std::ranges::min_element(slots_);
    const auto choice = chooser_.choose(views_, {.now = start, .next_slot = next_slot, .forecast = false});
    if (!choice) break;
    run(ask, *choice, start, outlook);
    *slot = choice->end;
    if (!ask.promises && outlook.finish != Time::max()) break;
  }
  return outlook;
}

}  // namespace barrio::decide
