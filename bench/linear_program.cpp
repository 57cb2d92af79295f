#include "linear_program.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace barrio::bench {

namespace {

constexpr double scale = 1000;  // so that thousandths of a cost are above the solver's tolerances

void write_terms(std::ostream& out, const Terms& terms) {
  for (const auto& [factor, column] : terms) {
    out << (factor < 0 ? " - " : " + ") << std::abs(factor) << " c" << column << "\n";
  }
}

/// CPLEX's LP format, a term a line.
void write_program(std::ostream& out, const LinearProgram& program) {
  const char* const signs[] = {"<=", "=", ">="};
  out.precision(15);
  out << "Minimize\n obj:";
  Terms costs;
  for (uint32_t c = 0; c < program.columns.size(); ++c) costs.emplace_back(program.columns[c].cost * scale, c);
  write_terms(out, costs);
  out << "Subject To\n";
  for (size_t r = 0; r < program.rows.size(); ++r) {
    const Row& row = program.rows[r];
    out << " r" << r << ":";
    write_terms(out, row.terms);
    out << " " << signs[static_cast<size_t>(row.relation)] << " " << row.bound << "\n";
  }
  out << "Bounds\n";
  for (size_t c = 0; c < program.columns.size(); ++c) {
    if (!std::isinf(program.columns[c].upper)) out << " c" << c << " <= " << program.columns[c].upper << "\n";
  }
  out << "Integers\n";
  for (size_t c = 0; c < program.columns.size(); ++c) {
    if (program.columns[c].is_integer) out << " c" << c << "\n";
  }
  out << "End\n";
}

void write_start(std::ostream& out, const LinearProgram& program) {
  out << "Feasible - objective value 0\n";
  for (size_t c = 0; c < program.columns.size(); ++c) {
    if (program.columns[c].start != 0) out << c << " c" << c << " " << program.columns[c].start << "\n";
  }
}

/// "Optimal - objective value 12.5", then the columns, which nobody needs.
std::optional<CbcAnswer> read_solution(const std::filesystem::path& file, const LinearProgram& program) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  const size_t at = line.find("objective value ");
  if (at == std::string::npos) return std::nullopt;
  CbcAnswer answer;
  answer.is_optimal = line.starts_with("Optimal");
  answer.is_infeasible = line.starts_with("Infeasible") || line.starts_with("Integer infeasible");
  answer.has_solution = !answer.is_infeasible && line.find("no integer solution") == std::string::npos;
  answer.cost = std::strtod(line.c_str() + at + 16, nullptr) / scale + program.fixed_cost;
  return answer;
}

std::optional<double> read_bound(const std::filesystem::path& log) {
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Lower bound:")) return std::strtod(line.c_str() + 12, nullptr) / scale;
  }
  return std::nullopt;
}

}  // namespace

double start_cost(const LinearProgram& program) {
  double cost = program.fixed_cost;
  for (const Column& column : program.columns) cost += column.cost * column.start;
  return cost;
}

bool start_fits(const LinearProgram& program) {
  constexpr double rounding = 1e-6;
  const auto keeps = [&](const Row& row) {
    double off = -row.bound;
    for (const auto& [factor, column] : row.terms) off += factor * program.columns[column].start;
    return (row.relation == Relation::at_least || off < rounding) &&
           (row.relation == Relation::at_most || off > -rounding);
  };
  return std::ranges::all_of(program.rows, keeps) &&
         std::ranges::all_of(program.columns, [](const Column& column) { return column.start <= column.upper; });
}

std::optional<CbcAnswer> solve_with_cbc(const LinearProgram& program, bool has_start, int most_seconds) {
  const auto folder = std::filesystem::temp_directory_path() / ("barrio-cbc-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  {
    std::ofstream file(folder / "problem.lp");
    write_program(file, program);
    std::ofstream start(folder / "start");
    write_start(start, program);
  }
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const std::string command = "cbc " + path("problem.lp") + (has_start ? " mips " + path("start") : "") + " sec " +
                              std::to_string(most_seconds) + " timeMode cpu ratio " + std::to_string(cbc_gap) +
                              " solve solu " + path("solution") + " >" + path("log") + " 2>&1";
  const auto start = std::chrono::steady_clock::now();
  const int status = std::system(command.c_str());
  auto answer = status == 0 ? read_solution(folder / "solution", program) : std::nullopt;
  if (answer) {
    const auto bound = read_bound(folder / "log");
    answer->bound = answer->is_optimal ? answer->cost : bound ? *bound + program.fixed_cost : 0;
    answer->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::filesystem::remove_all(folder);
  return answer;
}

}  // namespace barrio::bench
