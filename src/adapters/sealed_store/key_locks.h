#pragma once
// One change at a time for each name: an object, an upload. A name is known only while somebody holds or waits for it.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ports/turn.h"

namespace barrio::adapters::sealed_store {

inline constexpr const char* setting_lock = "/s/";  // between bucket and name

class KeyLocks {
  struct Lock {
    explicit Lock(ports::Runtime& runtime) : turn(runtime) {}
    ports::Turn turn;
    int users = 0;
  };
  using Locks = std::map<std::string, std::unique_ptr<Lock>>;

 public:
  explicit KeyLocks(ports::Runtime& runtime) : runtime_(runtime) {}

  class Hold {
   public:
    Hold(KeyLocks& locks, const std::string& name) : locks_(locks), at_(locks.find(name)) {
      ++at_->second->users;
      // A fiber that is unwound while it waits must leave, too.
      const Leaving leaving{*this};
      held_.emplace(at_->second->turn);
      entered_ = true;
    }
    ~Hold() {
      held_.reset();
      leave();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    struct Leaving {
      Hold& hold;
      ~Leaving() {
        if (!hold.entered_) hold.leave();
      }
    };
    void leave() {
      if (--at_->second->users == 0) locks_.locks_.erase(at_);
    }

    KeyLocks& locks_;
    Locks::iterator at_;
    std::optional<ports::Turn::Hold> held_;
    bool entered_ = false;
  };

 private:
  Locks::iterator find(const std::string& name) {
    auto& lock = locks_[name];
    if (!lock) lock = std::make_unique<Lock>(runtime_);
    return locks_.find(name);
  }

  ports::Runtime& runtime_;
  Locks locks_;
};

}  // namespace barrio::adapters::sealed_store
