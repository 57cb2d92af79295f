#pragma once
// Everything that `barrio up` started, and what can be done to it: the story's tools. Single-threaded.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "cli/actions.h"
#include "cli/camera_book.h"
#include "cli/children.h"
#include "cli/demo.h"
#include "cli/layout.h"
#include "cli/screen.h"
#include "model/network.h"

namespace barrio::cli {

inline constexpr const char* etcd_program = "/usr/bin/etcd";

struct WorldPlan {
  std::string home;  // absolute
  Network network;
  std::string network_file;
  Demo demo;
  Layout layout;
  std::vector<AppSpec> specs;  // of demo.apps, in its order
  size_t members = 1;          // of control; several: and as many of etcd
  std::string podman;          // address of its service; empty: the sites run no containers
  /// The members' addresses with `scheme` in front of each, and commas between.
  std::string controls(const std::string& scheme = "") const;
  /// With TLS, as sites reach them.
  std::string controls_for_sites() const;
};

class World {
 public:
  /// On the screen, which outlives it, the live table is drawn at every pause.
  World(WorldPlan plan, Screen& screen);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const WorldPlan& plan() const { return plan_; }
  CameraBook& book() { return book_; }
  Screen& screen() { return screen_; }
  Session operator_session() const;

  Result<void> start_all();
  Result<void> start_control();
  Result<void> start_site(const SiteId& site);
  /// All members.
  void kill_control();
  void kill_site(const SiteId& site);
  /// Sites that the story has taken down just now.
  const std::set<SiteId>& down() const { return down_; }
  void end() { children_.end_all(8s); }

  /// Reads the cameras, watches signals. False: it is time to end.
  bool pause(Duration duration);
  /// Pauses until `condition` holds. False: not within that time, or it is time to end.
  bool wait(Duration most, const std::function<bool()>& condition);
  bool stopping() const { return stopping_; }
  /// Processes that ended by themselves.
  const std::vector<std::string>& dead() const { return dead_; }

  bool control_is_up();
  /// Control's view of all sites. Errors: those of ControlClient.
  Result<Json> sites();
  static int64_t now_ms();

 private:
  Result<void> start_etcd();
  std::string control_name(size_t member) const;
  Result<void> start_role(const std::string& name, std::vector<std::string> arguments);
  Result<void> start_cameras();
  Result<void> wait_until_connected();
  void let_sites_in();
  Result<void> deploy_apps();
  void read_cameras();
  std::string again_text(const std::string& dead) const;
  std::string config(const std::string& name) const { return plan_.home + "/config/" + name + ".yaml"; }

  WorldPlan plan_;
  Screen& screen_;
  Children children_;
  CameraBook book_;
  std::set<SiteId> down_;
  std::vector<std::string> dead_;
  Http http_;
  std::string partial_line_;
  int cameras_fd_ = -1;
  int signals_fd_ = -1;
  bool stopping_ = false;
};

/// Writes every process's configuration and the contexts into the home folder.
Result<void> write_configs(const WorldPlan& plan);

}  // namespace barrio::cli
