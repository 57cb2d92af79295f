#pragma once
// Whose a new file is where root makes it in a folder of another user: that user's, whose program is to use it.

#include <string>

namespace barrio {

/// Gives what `fd` has open, which the caller has just made itself at `path`, to the owner of the folder that it is in.
/// Does nothing but for root, and nothing in root's own folders; where root may not give files away (a container
/// without CAP_CHOWN), it stays root's.
void give_to_owner_of_folder(int fd, const std::string& path);

}  // namespace barrio
