#pragma once
// Barrio's own certificate authority as files: DIR/ca.pem and DIR/ca.key, and for each site SITE.pem and SITE.key.
// Keys are readable by their owner only.

#include "base/x509.h"
#include "model/site_identity.h"

namespace barrio::cli {

/// Errors: conflict (there is one already), unavailable.
Result<CertificateAuthority> make_authority(const std::string& folder, WallTime now);
/// Errors: not_found, invalid, naming the file.
Result<CertificateAuthority> load_authority(const std::string& folder);

/// The key in this file, which is made where there is none. Errors: invalid, unavailable, naming the file.
Result<PrivateKey> key_in(const std::string& path);

/// Writes NAME.pem into `folder`, over what was there, for the key in NAME.key. Errors: those of key_in().
Result<Certificate> issue_to(const std::string& folder, const CertificateAuthority& authority, const std::string& name,
                             const CertificateRequest& request, WallTime now);

/// Of control, which is verified by the address that it is reached at.
CertificateRequest control_certificate(std::vector<std::string> names, std::vector<std::string> ips,
                                       std::chrono::days days = std::chrono::days(90));

struct SiteCertificate {
  SiteId site;
  std::vector<std::string> names = {};  // DNS, besides site_host()
  std::vector<std::string> ips = {};
  std::chrono::days days = std::chrono::days(90);
};
/// The same for SITE.pem and SITE.key.
Result<Certificate> issue_to(const std::string& folder, const CertificateAuthority& authority,
                             const SiteCertificate& wanted, WallTime now);

}  // namespace barrio::cli
