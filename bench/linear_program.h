#pragma once
// A mixed integer programme, and CBC to solve it: `cbc` in the path (Debian's coinor-cbc). All columns are at least 0.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace barrio::bench {

struct Column {
  double cost = 0;
  double upper = 1;
  bool is_integer = true;
  double start = 0;  // in a solution that is known already
};

enum class Relation { at_most, equal, at_least };

using Terms = std::vector<std::pair<double, uint32_t>>;  // factor and column

struct Row {
  Terms terms;
  Relation relation = Relation::equal;
  double bound = 0;
};

struct LinearProgram {
  std::vector<Column> columns;
  std::vector<Row> rows;
  double fixed_cost = 0;

  uint32_t add(const Column& column) {
    columns.push_back(column);
    return static_cast<uint32_t>(columns.size() - 1);
  }
  void add(Terms terms, Relation relation, double bound) { rows.push_back({std::move(terms), relation, bound}); }
};

/// Of what the columns have as start: its cost, and whether it keeps all rows and bounds.
double start_cost(const LinearProgram& program);
bool start_fits(const LinearProgram& program);

struct CbcAnswer {
  bool is_optimal = false;     // proven, but for `cbc_gap`
  bool is_infeasible = false;  // proven
  bool has_solution = false;
  double cost = 0;
  double bound = 0;  // no solution costs less; 0: not told
  double seconds = 0;
};

inline constexpr double cbc_gap = 1e-6;  // of the cost: what a proof leaves open

/// The search begins with what the columns say as `start`, if `has_start`. nullopt: cbc cannot be run, or says nothing
/// that can be read. `most_seconds`: of the processor, for the search.
std::optional<CbcAnswer> solve_with_cbc(const LinearProgram& program, bool has_start, int most_seconds);

}  // namespace barrio::bench
