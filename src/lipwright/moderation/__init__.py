"""Who says whether a picture may be shown: plug-ins that look at sampled pictures of what comes in and goes out.

[project.entry-points."lipwright.moderators"]
http = "lipwright.moderation.http:HttpModerator"
"""

from lipwright.moderation.base import Moderator, ModeratorOptions

__all__ = ["Moderator", "ModeratorOptions"]
