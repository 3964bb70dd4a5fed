FROM node:24-slim AS proxy
RUN npm install --global --no-audit --no-fund configurable-http-proxy@5.3.0
USER 1000
# 8001 takes the hub's orders, with the token; 8000 is for browsers.
CMD ["configurable-http-proxy", "--ip=0.0.0.0", "--port=8000", "--api-ip=0.0.0.0", \
     "--api-port=8001", "--default-target=http://hub:8081", "--error-target=http://hub:8081/hub/error"]

FROM python:3.13-slim AS hub
COPY hub.requirements.txt /srv/
RUN pip install --no-cache-dir --disable-pip-version-check -r /srv/hub.requirements.txt
WORKDIR /srv/hub
COPY jupyterhub_config.py rooms.py /srv/
ENV PYTHONPATH=/srv
# A hub that was made anew is in no student's network yet.
CMD ["sh", "-c", "python3 /srv/rooms.py enter && exec jupyterhub --config=/srv/jupyterhub_config.py"]
