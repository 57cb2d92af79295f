// Keys and signatures of container images, and tenants' secrets.

#include <iostream>
#include <iterator>

#include "base/ed25519.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/files.h"
#include "cli/image_archive.h"
#include "cli/table.h"
#include "cli/view.h"
#include "model/container.h"

namespace barrio::cli {

Result<void> make_image_key(Session& session, const ImageKeyCommand& command) {
  if (read_file(command.file)) return fail(Code::conflict, "is there already and is not replaced", command.file);
  TRY(const auto key, Ed25519Key::generate());
  TRY_DO(write_file(command.file, key.pem(), 0600));
  const std::string shown = key.public_key().str();
  session.print(JsonObject{{"file", command.file}, {"public", shown}}, "signed_by: " + shown + "\n");
  return {};
}

Result<void> sign_image(Session& session, const ImageSignCommand& command) {
  TRY(const auto pem, read_file(command.key));
  auto key = Ed25519Key::from_pem(pem);
  if (!key) return fail(std::move(key).error().within(command.key));
  TRY(const auto archive, read_file(command.archive));
  auto digest = image_digest(archive);
  if (!digest) return fail(std::move(digest).error().within(command.archive));
  std::string name = command.archive.substr(command.archive.rfind('/') + 1);
  name = to_lower(name.substr(0, name.find('.')));
  TRY(const auto image, ImageReference::parse(name + "@" + *digest));
  const std::string signature = base64url(key->sign(image.signed_text()));
  const std::string by = key->public_key().str();
  session.print(JsonObject{{"image", image.str()}, {"signed_by", by}, {"signature", signature}},
                "image: " + image.str() + "\nsigned_by: " + by + "\nsignature: " + signature + "\n");
  return {};
}

Result<void> act_on_secret(Session& session, const SecretCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  if (command.verb == SecretCommand::Verb::list) {
    TRY(auto answer, control.get("/secrets"));
    Table table({"SECRET"});
    for (const Json& name : items(answer, "secrets")) table.add({text_at(name, "")});
    session.print(answer, table.text());
    return {};
  }
  if (command.verb == SecretCommand::Verb::erase) {
    TRY_DO(control.remove("/secrets/" + command.name));
    session.print(JsonObject{{"deleted", command.name}}, "deleted " + command.name + "\n");
    return {};
  }
  std::string value(std::istreambuf_iterator<char>(std::cin), {});
  if (value.ends_with('\n')) value.pop_back();
  if (value.empty())
    return fail(Code::invalid, "is empty: it must be given on the standard input", "value of " + command.name);
  TRY_DO(control.put("/secrets/" + command.name, JsonObject{{"value", value}}));
  session.print(JsonObject{{"name", command.name}}, "set " + command.name + "\n");
  return {};
}

}  // namespace barrio::cli
