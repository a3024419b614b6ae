"""What sensors' query daemons and portals agree on: who they are, what is asked, and how parts of answers travel."""
