"""What sensors' query daemons and portals agree on: their identities, their messages, and the format of answers."""
