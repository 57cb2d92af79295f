#pragma once
// What a network has to give, as the resources and bins of an assignment problem: a bin is a rack, its group the site.
// Power is counted at every node above it (rack, feeder, site), each at its derated and capped value; an accelerator's
// own cap holds because a slice may draw no more than its share of the slots.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "decide/placement/assignment.h"
#include "model/app.h"
#include "model/refusal.h"

namespace barrio::decide {

/// Rounded up, so that a thousandth of a core is never given away.
int64_t millicores(double cores);

class Capacity {
 public:
  explicit Capacity(const Network& network);
  /// Resources, bins, devices and failure domains. `reserve_watt`: Weights.
  AssignmentProblem problem(double reserve_watt) const;
  /// The bins of a site.
  const std::vector<uint32_t>& bins_of(size_t site) const { return bins_of_[site]; }
  const Rack& rack(size_t bin) const { return racks_[bin]; }
  /// What one replica takes, by dimension, and its slices.
  void set_need(const Resources& need, AssignmentItem& item) const;
  /// Why the accelerators of this rack are none for this app, whatever is free; nullopt: they are.
  std::optional<Refusal> unfit(const Resources& need, size_t bin) const;
  /// Why one more replica does not fit now into this site, with all that it lacks as `nearest`, in the rack that lacks
  /// least; nullopt: it fits.
  std::optional<Refusal> lacks(const Assignment& now, size_t item, const Resources& need, size_t site) const;
  Watts power_left(const Assignment& now, size_t site) const;
  /// `copy` in words that are kept; nullopt where a site leaves no choice.
  std::optional<Seat> seat(const Copy& copy) const;
  /// The copy that `seat` says, as far as this network still has it: nullopt where it does not.
  std::optional<Copy> copy(size_t site, const Resources& need, const std::optional<Seat>& seat) const;

 private:
  enum Dimension : size_t { rack_power, feeder_power, site_power, cores, memory, storage, first_accelerator };
  struct Lack;
  bool is_sliced(const std::string& model) const { return kind_of(model) != none; }
  uint32_t kind_of(const std::string& model) const;
  size_t dimensions() const { return first_accelerator + models_.size(); }
  std::vector<Lack> lacks_of(const Assignment& now, size_t item, const Resources& need, size_t bin) const;
  Lack accelerator_lack(const Assignment& now, size_t item, const Resources& need, size_t bin) const;
  std::string name_of(size_t bin) const;

  const Network* network_;
  std::vector<Rack> racks_;        // by bin
  std::vector<uint32_t> site_of_;  // by bin
  std::vector<std::vector<uint32_t>> bins_of_;
  std::vector<std::string> models_;  // accelerators that are given out whole, each a dimension
  std::vector<std::string> sliced_;  // and those in slices, each a kind of device
};

}  // namespace barrio::decide
