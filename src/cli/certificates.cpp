#include "cli/certificates.h"

#include <filesystem>

#include "cli/files.h"

namespace barrio::cli {

namespace {

constexpr mode_t secret_mode = 0600;

template <class T>
Result<T> in_file(Result<T> result, const std::string& path) {
  if (!result) return fail(std::move(result).error().within(path));
  return result;
}

}  // namespace

Result<CertificateAuthority> make_authority(const std::string& folder, WallTime now) {
  const std::string chain = folder + "/ca.pem";
  const std::string key = folder + "/ca.key";
  for (const std::string& path : {chain, key}) {
    if (std::filesystem::exists(path))
      return fail(Code::conflict, "is there already; what it signed would not be trusted any more", path);
  }
  TRY_DO(make_folder(folder, 0700));
  auto made = CertificateAuthority::make("Barrio CA", now);
  TRY_DO(write_file(key, made.key().pem(), secret_mode));
  TRY_DO(write_file(chain, made.certificate().pem()));
  return made;
}

Result<CertificateAuthority> load_authority(const std::string& folder) {
  TRY(const std::string certificate, read_file(folder + "/ca.pem"));
  TRY(const std::string key, read_file(folder + "/ca.key"));
  return in_file(CertificateAuthority::from_pem(certificate, key), folder + "/ca.pem");
}

Result<PrivateKey> key_in(const std::string& path) {
  const auto text = read_file(path);
  if (text) return in_file(PrivateKey::from_pem(*text), path);
  if (text.error().code != Code::not_found) return fail(text.error());
  TRY_DO(make_folder(folder_of(path), 0700));
  const PrivateKey made = PrivateKey::generate();
  TRY_DO(write_file(path, made.pem(), secret_mode));
  return made;
}

Result<Certificate> issue_to(const std::string& folder, const CertificateAuthority& authority, const std::string& name,
                             const CertificateRequest& request, WallTime now) {
  const std::string path = folder + "/" + name;
  TRY(const auto key, key_in(path + ".key"));
  TRY(const Certificate made, authority.certify(request, key.public_key(), now));
  TRY_DO(write_file(path + ".pem", made.pem()));
  return made;
}

CertificateRequest control_certificate(std::vector<std::string> names, std::vector<std::string> ips,
                                       std::chrono::days days) {
  return {.common_name = "control",
          .dns = std::move(names),
          .ips = std::move(ips),
          .uris = {"barrio://control"},
          .days = days};
}

Result<Certificate> issue_to(const std::string& folder, const CertificateAuthority& authority,
                             const SiteCertificate& wanted, WallTime now) {
  CertificateRequest request{.common_name = wanted.site.str(),
                             .dns = {site_host(wanted.site)},
                             .ips = wanted.ips,
                             .uris = {site_uri(wanted.site)},
                             .days = wanted.days};
  request.dns.insert(request.dns.end(), wanted.names.begin(), wanted.names.end());
  return issue_to(folder, authority, wanted.site.str(), request, now);
}

}  // namespace barrio::cli
