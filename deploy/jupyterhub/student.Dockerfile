# A student's container: the course, JupyterLab, and a rootless Docker Engine, started on demand.
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      curl docker-buildx docker-cli docker-compose docker.io fuse-overlayfs git iproute2 iptables \
      procps rootlesskit slirp4netns uidmap \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 --shell /bin/bash student \
    && echo student:100000:65536 | tee /etc/subuid > /etc/subgid

# One environment, the server's: `python3 -m capas` finds it where it would make its own.
COPY requirements.txt /opt/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /opt/requirements.txt
# JupyterHub, of the hub's version.
COPY deploy/jupyterhub/hub.requirements.txt /opt/
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
      --constraint /opt/hub.requirements.txt jupyterhub
# A rootless engine's helpers: setuid, they would need rights over the machine (CAP_SYS_ADMIN).
RUN chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap \
    && setcap cap_setuid=ep /usr/bin/newuidmap && setcap cap_setgid=ep /usr/bin/newgidmap
ENV PATH=/opt/venv/bin:$PATH SHELL=/bin/bash

COPY . /opt/capas
RUN ln -s /opt/venv /opt/capas/.venv && cd /opt/capas && python3 -m capas --version \
    && chown -R student: /opt/capas
COPY deploy/jupyterhub/student-start /usr/local/bin/
ENTRYPOINT ["student-start"]
USER student
WORKDIR /home/student
CMD ["jupyterhub-singleuser"]
