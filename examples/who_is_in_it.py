"""List the people of a video, the most talkative first, with the `face` to give to `sync`.

python examples/who_is_in_it.py footage.mp4
"""

import sys

import lipwright


def main(video: str) -> list[int]:
    """The ids, most talkative first."""
    people = sorted(lipwright.faces(video), key=lambda person: -person.talk)
    for person in people:
        print(
            f"face={person.face_id}: {person.n_frames} frames, eyes {person.io_px:.0f} px apart, talk {person.talk:.2f}"
        )
    return [person.face_id for person in people]


if __name__ == "__main__":
    main(sys.argv[1])
