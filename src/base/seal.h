#pragma once
// Sealing: AES-256-GCM, over OpenSSL 3's EVP interface. Nothing here keeps state.

#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio {

inline constexpr size_t seal_key_bytes = 32;
inline constexpr size_t seal_nonce_bytes = 12;
inline constexpr size_t seal_tag_bytes = 16;

/// AES-256-GCM: the ciphertext followed by its tag. A nonce is used once with a key. `bound` is authenticated, not
/// kept.
std::string seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text);
/// The same, for what is large: to where `out` has room for it, text.size() + seal_tag_bytes.
void seal_to(char* out, std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text);
/// Errors: invalid (another key, or not what was sealed).
Result<std::string> unseal(std::string_view key, std::string_view nonce, std::string_view bound,
                           std::string_view sealed);
/// To where `out` has room for it, sealed.size() - seal_tag_bytes; after an error nothing there may be used.
Result<void> unseal_to(char* out, std::string_view key, std::string_view nonce, std::string_view bound,
                       std::string_view sealed);
/// With a random nonce in front: for the few keys and files that one key seals.
std::string seal_boxed(std::string_view key, std::string_view bound, std::string_view text);
Result<std::string> unseal_boxed(std::string_view key, std::string_view bound, std::string_view box);

}  // namespace barrio
