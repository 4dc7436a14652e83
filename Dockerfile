# An image with Pointillist in an environment of its own, run by a user without rights.
FROM python:3.12.8-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/pointillist \
    && /opt/pointillist/bin/pip install --no-cache-dir ".[codecs]"

FROM python:3.12.8-slim-bookworm
COPY --from=build /opt/pointillist /opt/pointillist
ENV PATH=/opt/pointillist/bin:$PATH \
    PYMEDATADIR=/data \
    POINTILLIST_CACHE=/home/pointillist/cache
RUN useradd --uid 1000 --create-home pointillist \
    && install --directory --owner pointillist /data /home/pointillist/cache /home/pointillist/.config
USER 1000:1000
WORKDIR /data
VOLUME ["/data"]
CMD ["pointillist", "--help"]
