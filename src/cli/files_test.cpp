#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/context.h"
#include "cli/files.h"
#include "cli/tensor_text.h"

namespace barrio::cli::files_test {

namespace {

struct Folder {
  Folder() { path = ::mkdtemp(text); }
  ~Folder() { (void)remove_folder(path).has_value(); }
  char text[32] = "/tmp/barrio-cli-XXXXXX";
  std::string path;
};

}  // namespace

TEST_CASE("what is printed as YAML reads back as the same value") {
  const Json value = *parse_json(
      R"({"name":"a: b #c","list":[1,-2.5,true,null,"x\ny"],"things":[{"k":"v","deep":{"e":[]}},{"k":"*"}],"none":{},"text":"17"})");
  auto back = parse_yaml(print_yaml(value), "x.yaml");
  REQUIRE_MESSAGE(back.has_value(), (back ? "" : back.error().text()));
  CHECK(print_json(back->value) == print_json(value));
}

TEST_CASE("what root writes into another user's folder is that user's, and a link laid there is not followed") {
  if (::geteuid() != 0) return;  // only root can give files away
  Folder folder;
  constexpr uid_t other = 65534;
  REQUIRE(::chown(folder.path.c_str(), other, other) == 0);
  const auto owner = [&](const std::string& name) {
    struct stat status{};
    return ::lstat((folder.path + "/" + name).c_str(), &status) == 0 ? status.st_uid : ~uid_t{};
  };
  REQUIRE(::symlink("/dev/null", (folder.path + "/secret.new").c_str()) == 0);
  REQUIRE(write_file(folder.path + "/secret", "s", 0600).has_value());
  CHECK(owner("secret") == other);
  CHECK(read_file(folder.path + "/secret").value_or("") == "s");
  REQUIRE(make_folder(folder.path + "/a/b", 0700).has_value());
  CHECK(owner("a") == other);
  CHECK(owner("a/b") == other);
  REQUIRE(::chown(folder.path.c_str(), 0, 0) == 0);
  REQUIRE(write_file(folder.path + "/own", "s").has_value());
  CHECK(owner("own") == 0);
}

TEST_CASE("contexts are kept for their owner only, and the chosen one speaks") {
  Folder folder;
  Contexts contexts;
  contexts.put({"operator", "http://127.0.0.1:1", "operator", "s1"});
  contexts.put({"acme", "http://127.0.0.1:1", "acme", "s2"});
  contexts.current = "acme";
  REQUIRE(save_contexts(folder.path, contexts).has_value());
  struct stat status{};
  REQUIRE(::stat((folder.path + "/contexts.yaml").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(choose_context(folder.path, "", Speaker::tenant)->client_id == "acme");
  CHECK(choose_context(folder.path, "", Speaker::operating)->client_id == "operator");
  CHECK(choose_context(folder.path, "operator", Speaker::tenant)->client_secret == "s1");
  CHECK(choose_context(folder.path, "nobody", Speaker::tenant).error().code == Code::denied);
}

TEST_CASE("a typed tensor becomes an input of a request") {
  auto tensor = parse_tensor_text("x=1,2,3:INT64[3,1]");
  REQUIRE(tensor.has_value());
  CHECK(print_json(*tensor) == R"({"name":"x","datatype":"INT64","shape":[3,1],"data":[1,2,3]})");
  CHECK(print_json(*parse_tensor_text("x=0.5")) == R"({"name":"x","datatype":"FP32","shape":[1,1],"data":[0.5]})");
  for (const char* wrong : {"x", "=1", "x=a", "x=1:FP32[2", "x=1:FP32[a]"})
    CHECK(!parse_tensor_text(wrong).has_value());
}

}  // namespace barrio::cli::files_test
