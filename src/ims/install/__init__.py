"""Installation on a machine with systemd: what each service needs there, and the kernels that all of them share.

    service      a table: the users, folders, settings and unit of each service
    step         one thing that is made if it isn't there: a user, a folder, a file
    place        where such a file or folder is: reached without following a link, and written whole
    machine      the system that it is made in: this one, or an image in a folder
    unit         a unit's text for the place where ims is installed
    replacement  puts a new version of the program in the place of the former, or leaves that
    kernels      compiles what services run into /var/cache/ims, which root alone can write

`make install` (scripts/install.sh) puts the program there first; `ims install-service` does the rest.
"""
