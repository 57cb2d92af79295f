#include "placement_lp.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace barrio::bench {

namespace {

using namespace decide;

constexpr double scale = 1000;  // so that thousandths of a euro are above the solver's tolerances

std::string name(const char* kind, std::initializer_list<size_t> indices) {
  std::string made = kind;
  for (const size_t index : indices) made += "_" + std::to_string(index);
  return made;
}

/// An LP file in the making: terms are kept by row.
class Program {
 public:
  explicit Program(const AssignmentProblem& problem) : problem_(problem) {}

  void write(std::ostream& out) {
    for (size_t i = 0; i < problem_.items.size(); ++i) {
      if (problem_.items[i].copies > 0) add_item(i);
    }
    add_resources();
    add_devices();
    out << "Minimize\n obj:" << objective_.str() << "\nSubject To\n" << rows_.str() << "Bounds\n" << "Binaries\n";
    for (const std::string& binary : binaries_) out << " " << binary << "\n";
    out << "End\n";
  }

 private:
  static void term(std::ostream& out, double factor, const std::string& variable) {
    out << (factor < 0 ? " - " : " + ") << std::abs(factor) << " " << variable << "\n";
  }
  void cost(double factor, const std::string& variable) {
    if (factor != 0) term(objective_, factor * scale, variable);
  }
  void row(const std::string& terms, const char* relation, double bound) {
    if (!terms.empty()) rows_ << " r" << ++count_ << ":" << terms << " " << relation << " " << bound << "\n";
  }

  void add_item(size_t i) {
    const AssignmentItem& item = problem_.items[i];
    std::map<uint32_t, std::ostringstream> groups;
    std::map<uint32_t, std::ostringstream> domains;
    std::ostringstream all;
    for (size_t b = 0; b < problem_.bins.size(); ++b) {
      if (item.cost[b] == forbidden) continue;
      const std::string y = name("y", {i, b});
      binaries_.push_back(y);
      cost(item.cost[b], y);
      term(all, 1, y);
      const uint32_t group = problem_.bins[b].group;
      term(groups[group], 1, y);
      term(domains[problem_.domain_of[group]], 1, y);
      add_use(i, b, y);
      if (item.slice >= 0) add_seats(i, b, y);
    }
    row(all.str(), "=", item.copies);
    for (const auto& [group, terms] : groups) row(terms.str(), "<=", 1);
    for (const auto& [domain, terms] : domains) {
      if (item.most_in_domain != none) row(terms.str(), "<=", item.most_in_domain);
    }
    if (item.service != none) add_service(i, groups);
  }

  void add_use(size_t i, size_t b, const std::string& y) {
    for (size_t d = 0; d < problem_.dimensions; ++d) {
      const uint32_t r = problem_.bins[b].resources[d];
      const int64_t need = problem_.need(i, b)[d];
      if (r != none && need > 0) term(uses_[r], static_cast<double>(need), y);
    }
  }

  void add_service(size_t i, const std::map<uint32_t, std::ostringstream>& groups) {
    const AssignmentItem& item = problem_.items[i];
    const ServiceCosts& service = problem_.services[item.service];
    for (size_t p = 0; p < service.points; ++p) {
      std::ostringstream served;
      for (const auto& [group, copies] : groups) {
        const std::string x = name("x", {i, p, group});
        cost(item.service_scale * static_cast<double>(service.at(group, p)), x);
        term(served, 1, x);
        std::string open = copies.str();
        for (char& sign : open) sign = sign == '+' ? '-' : sign;
        row(" + 1 " + x + open, "<=", 0);
      }
      row(served.str(), "=", 1);
    }
  }

  void add_seats(size_t i, size_t b, const std::string& y) {
    const AssignmentItem& item = problem_.items[i];
    const SliceProfile& profile = slice_profiles[static_cast<size_t>(item.slice)];
    std::ostringstream seats;
    for (size_t d = 0; d < problem_.bins[b].devices.size(); ++d) {
      if (problem_.bins[b].kinds[d] != item.device_kind) continue;
      for (int start = 0; start < device_slots; ++start) {
        if ((profile.starts >> start & 1) == 0) continue;
        const std::string z = name("z", {i, b, d, static_cast<size_t>(start)});
        binaries_.push_back(z);
        term(seats, 1, z);
        for (int slot = start; slot < start + profile.slots; ++slot) {
          term(slots_[{b, d, static_cast<size_t>(slot)}], 1, z);
        }
      }
    }
    term(seats, -static_cast<double>(item.slices), y);
    row(seats.str(), "=", 0);
  }

  void add_resources() {
    for (const auto& [r, terms] : uses_) {
      const CapacityResource& resource = problem_.resources[r];
      row(terms.str(), "<=", static_cast<double>(resource.capacity));
      if (resource.soft >= resource.capacity || resource.soft_cost == 0) continue;
      const std::string over = name("o", {r});
      cost(resource.soft_cost, over);
      row(terms.str() + " - 1 " + over, "<=", static_cast<double>(resource.soft));
    }
  }

  /// A device costs when it is begun and not full: begun - full.
  void add_devices() {
    std::map<std::pair<size_t, size_t>, std::string> taken;
    for (const auto& [slot, terms] : slots_) {
      const auto& [b, d, index] = slot;
      const std::string begun = name("d", {b, d});
      row(terms.str() + " - 1 " + begun, "<=", 0);
      taken[{b, d}] += terms.str();
    }
    for (const auto& [device, terms] : taken) {
      const std::string begun = name("d", {device.first, device.second});
      const std::string full = name("f", {device.first, device.second});
      binaries_.push_back(begun);
      binaries_.push_back(full);
      cost(problem_.device_cost, begun);
      cost(-problem_.device_cost, full);
      std::string free = terms;
      for (char& sign : free) sign = sign == '+' ? '-' : sign;
      row(" + " + std::to_string(device_slots) + " " + full + free, "<=", 0);
    }
  }

  const AssignmentProblem& problem_;
  std::ostringstream objective_, rows_;
  std::vector<std::string> binaries_;
  std::map<uint32_t, std::ostringstream> uses_;
  std::map<std::tuple<size_t, size_t, size_t>, std::ostringstream> slots_;
  size_t count_ = 0;
};

std::optional<CbcAnswer> read_solution(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  CbcAnswer answer;
  answer.is_optimal = line.starts_with("Optimal");
  answer.is_infeasible = line.find("nfeasible") != std::string::npos;
  const size_t at = line.find("objective value ");
  if (at == std::string::npos) return std::nullopt;
  answer.cost = std::strtod(line.c_str() + at + 16, nullptr) / scale;
  return answer;
}

double read_bound(const std::filesystem::path& log) {
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Lower bound:")) return std::strtod(line.c_str() + 12, nullptr) / scale;
  }
  return 0;
}

}  // namespace

std::optional<CbcAnswer> solve_with_cbc(const AssignmentProblem& problem, int most_seconds) {
  const auto folder = std::filesystem::temp_directory_path() / ("barrio-cbc-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  {
    std::ofstream out(folder / "problem.lp");
    out.precision(12);
    Program(problem).write(out);
  }
  const std::string command = "cbc " + (folder / "problem.lp").string() + " sec " + std::to_string(most_seconds) +
                              " ratio 0 solve solu " + (folder / "solution").string() + " >" +
                              (folder / "log").string() + " 2>&1";
  const auto start = std::chrono::steady_clock::now();
  const int status = std::system(command.c_str());
  auto answer = status == 0 ? read_solution(folder / "solution") : std::nullopt;
  if (answer) answer->bound = read_bound(folder / "log");
  if (answer) answer->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::filesystem::remove_all(folder);
  return answer;
}

}  // namespace barrio::bench
