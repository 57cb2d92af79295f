// barrio state export and import: control's state as lines of JSON, for backups and for moving between stores.

#include "base/crypto.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/control_stores.h"
#include "cli/files.h"

namespace barrio::cli {

namespace {

constexpr int64_t state_format = 1;
constexpr Duration lock_lasts = 60s;
constexpr size_t writes_at_once = 100;
constexpr size_t bytes_at_once = 1'000'000;

struct SavedEntry {
  std::string section;  // state or usage
  std::string key;      // base64url, like the value: keys and values are any bytes
  std::string value;
};
BARRIO_DESCRIBE(SavedEntry, (), (section, key, value))

struct SavedEnd {
  int64_t barrio_state = 0;  // the format
  int64_t entries = 0;
  int64_t revision = 0;
  std::string sha256;  // of all lines before
};
BARRIO_DESCRIBE(SavedEnd, (), (barrio_state, entries, revision, sha256))

/// Held by a running member, or by the import itself: of no use elsewhere.
bool is_lease(const std::string& key) {
  return key == control::key::leader;
}

class StateFile {
 public:
  explicit StateFile(ControlStores& stores) : stores_(stores) {}

  Result<std::string> save(const std::string& path) {
    std::string text;
    int64_t entries = 0;
    Revision revision = 0;
    for (const char* section : {"state", "usage"}) {
      TRY(const auto listing, store(section).list(""));
      if (revision == 0) revision = listing.revision;
      for (const ports::Entry& entry : listing.entries) {
        if (is_lease(entry.key)) continue;
        text += line(SavedEntry{section, base64url(entry.key), base64url(entry.value)});
        ++entries;
      }
    }
    const SavedEnd end{state_format, entries, revision, sha256_hex(text)};
    TRY_DO(write_file(path, text + line(end), 0600));
    return std::to_string(entries) + " entries at revision " + std::to_string(revision) + " written to " + path;
  }

  Result<std::string> load(const std::string& path, bool overwrite) {
    TRY(const auto saved, read(path));
    // Nobody leads meanwhile, and all that is written here is fenced by it.
    auto lock =
        stores_.state().hold(control::key::leader, print_json(to_json(control::Member{"import", ""})), lock_lasts, 0);
    if (!lock && lock.error().code == Code::conflict) {
      return fail(Code::conflict, "a member of control is running on this state; stop all of them first", "state");
    }
    if (!lock) return fail(std::move(lock).error());
    auto filled = fill(saved, overwrite, *lock);
    static_cast<void>(stores_.state().release(*lock));
    if (!filled) return fail(std::move(filled).error());
    return std::to_string(saved.size()) + " entries of " + path + " are the state now";
  }

 private:
  using Revision = ports::Revision;
  struct Saved {
    std::string section;
    ports::Entry entry;
  };

  ports::StateStore& store(std::string_view section) { return section == "usage" ? stores_.usage() : stores_.state(); }
  template <class T>
  static std::string line(const T& value) {
    return print_json(to_json(value)) + "\n";
  }

  static Result<std::vector<Saved>> read(const std::string& path) {
    TRY(const std::string text, read_file(path));
    const size_t last = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    const size_t body = last == std::string::npos ? 0 : last + 1;
    auto json = parse_json(trim(std::string_view(text).substr(body)));
    auto end = json ? from_json<SavedEnd>(*json) : Result<SavedEnd>(fail(json.error()));
    if (!end) return fail(Code::invalid, "is no export of a state, or was cut short: " + end.error().text(), path);
    if (end->barrio_state != state_format) {
      return fail(Code::unsupported, "has format " + std::to_string(end->barrio_state) + ", this program knows 1",
                  path);
    }
    if (sha256_hex(std::string_view(text).substr(0, body)) != end->sha256) {
      return fail(Code::invalid, "is damaged: its lines are not those that were written", path);
    }
    std::vector<Saved> saved;
    std::istringstream lines(text.substr(0, body));
    for (std::string each; std::getline(lines, each);) {
      TRY(auto parsed, parse_json(each));
      TRY(auto entry, from_json<SavedEntry>(parsed, path));
      auto key = from_base64url(entry.key);
      auto value = from_base64url(entry.value);
      if (!key || !value) return fail(Code::invalid, "an entry is not in base64url", path);
      saved.push_back({entry.section, {std::move(*key), std::move(*value), 0}});
    }
    return saved;
  }

  Result<void> fill(const std::vector<Saved>& saved, bool overwrite, const ports::Lease& lock) {
    for (const char* section : {"state", "usage"}) {
      TRY(const auto present, store(section).list(""));
      std::vector<ports::Write> writes;
      for (const ports::Entry& entry : present.entries) {
        if (!is_lease(entry.key)) writes.push_back({entry.key, std::nullopt});
      }
      if (!writes.empty() && !overwrite) {
        return fail(Code::conflict,
                    "the state holds " + std::to_string(writes.size()) + " entries; --overwrite replaces them",
                    section);
      }
      for (const Saved& one : saved) {
        if (one.section == section) writes.push_back({one.entry.key, one.entry.value});
      }
      TRY_DO(write(section, writes, lock));
    }
    return {};
  }

  Result<void> write(std::string_view section, const std::vector<ports::Write>& writes, const ports::Lease& lock) {
    std::vector<ports::Write> some;
    size_t bytes = 0;
    for (size_t i = 0; i < writes.size(); ++i) {
      bytes += writes[i].key.size() + (writes[i].value ? writes[i].value->size() : 0);
      some.push_back(writes[i]);
      const bool more = i + 1 < writes.size() && some.size() < writes_at_once && bytes < bytes_at_once;
      if (more && (!writes[i + 1].value || bytes + writes[i + 1].value->size() < bytes_at_once)) continue;
      std::vector<ports::Guard> guards;
      if (section == "state") guards.push_back(lock.guard());
      TRY_DO(store(section).commit(std::move(guards), std::exchange(some, {})));
      bytes = 0;
      TRY_DO(stores_.state().keep(lock));
    }
    return {};
  }

  ControlStores& stores_;
};

}  // namespace

Result<void> move_state(Session& session, const StateCommand& command) {
  TRY(auto file, read_yaml<ControlFile>(command.config));
  ServiceLoop loop;
  TRY(auto stores, ControlStores::open(loop, file, ControlStores::Fence::none));
  std::string said;
  loop.runtime().spawn("state", [&] {
    StateFile state(*stores);
    auto done = command.verb == StateCommand::Verb::save ? state.save(command.file)
                                                         : state.load(command.file, command.overwrite);
    if (!done) return loop.fail_with(std::move(done).error());
    said = *done;
    loop.reactor().post([&loop] { loop.begin_stop(); });
  });
  TRY_DO(loop.run());
  session.print(JsonObject{{"done", said}}, said + "\n");
  return {};
}

}  // namespace barrio::cli
