#include "decide/batching/plan.h"

#include <algorithm>

namespace barrio::decide {

/// Moves past what cannot be finished any more. False: nothing is left.
bool Plan::give_up_late(const Ask& ask, Time now, Outlook& outlook) {
  for (LaneView& view : views_) {
    const Time earliest = now + view.lane->profile().of(1);
    size_t late = 0;
    while (late < view.waiting.size() && view.waiting[late].deadline < earliest) {
      const Waiting& entry = view.waiting[late++];
      outlook.breaks_promise |= entry.kept && entry.number >= ask.promised_from;
    }
    view.waiting = view.waiting.subspan(late);
  }
  std::erase_if(views_, [](const LaneView& view) { return view.waiting.empty(); });
  return !views_.empty();
}

/// Those that run as often at once as they may. True: there are such.
bool Plan::mark_full(Time now) {
  bool any = false;
  for (LaneView& view : views_) {
    view.full = false;
    if (view.lane->at_once() >= slots_.size()) continue;
    size_t runs = 0;
    for (size_t i = 0; i < slots_.size(); ++i) runs += running_[i] == view.model && slots_[i] > now ? 1 : 0;
    view.full = runs >= view.lane->at_once();
    any |= view.full;
  }
  return any;
}

void Plan::run(const Ask& ask, const BatchChoice& choice, Time start, Outlook& outlook) {
  LaneView& view = views_[choice.view];
  for (const Waiting& entry : view.waiting.subspan(choice.window.skip, choice.window.take)) {
    if (ask.work == 0 || entry.number != ask.work) continue;
    outlook.finish = choice.end;
    outlook.start = start;
    outlook.opens = entry.number == view.waiting[choice.window.skip].number;
  }
  view.waiting = view.waiting.subspan(choice.window.skip + choice.window.take);
}

Outlook Plan::look(const Ask& ask) {
  views_.assign(ask.views.begin(), ask.views.end());
  slots_.assign(ask.slots.begin(), ask.slots.end());
  running_.assign(ask.running.begin(), ask.running.end());
  for (LaneView& view : views_) {
    view.rate = 0;
    view.hold = false;
  }
  Outlook outlook;
  while (true) {
    const auto slot = std::ranges::min_element(slots_);
    const Time start = std::max(*slot, ask.now);
    if (!give_up_late(ask, start, outlook)) break;
    if (outlook.breaks_promise && ask.promises) break;
    const bool any_full = mark_full(start);
    *slot = Time::max();
    const auto choice = chooser_.choose(views_, {.now = start, .next_slot = *std::ranges::min_element(slots_)});
    // What could still run does so as often as it may: the slot is idle until one of those runs ends.
    if (!choice && any_full) {
      for (const Time other : slots_) *slot = other > start ? std::min(*slot, other) : *slot;
      if (*slot != Time::max()) continue;
    }
    if (!choice) break;
    run(ask, *choice, start, outlook);
    *slot = choice->end;
    running_[static_cast<size_t>(slot - slots_.begin())] = views_[choice->view].model;
    if (!ask.promises && outlook.finish != Time::max()) break;
  }
  return outlook;
}

}  // namespace barrio::decide
